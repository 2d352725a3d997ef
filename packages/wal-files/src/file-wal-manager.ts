/**
 * A directory of logs, whatever their files look like: which logs are open, the lock of the
 * directory, and how an opened log is put together. The log of group 0 is in the directory itself,
 * those of other groups in folders of their own. The directory is locked from the first log that is
 * opened until the manager is closed.
 */
import { resolve } from 'node:path';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { DirectoryLock, GuardedEnvironment } from '@babuza/vfs';
import {
  AlreadyExistsError,
  checkedGroupId,
  checkedIdentityRecord,
  checkedMetadata,
  checkExpectation,
  chosenSnapshot,
  ClosedError,
  EntryStorage,
  EntryView,
  ForeignFileError,
  InvalidArgumentError,
  LockedError,
  NotFoundError,
  QueuedWal,
  RingCache,
  WalEventHub,
  type CacheLimits,
  type GroupOptions,
  type OpenedWal,
  type PositionIndex,
  type ReplayOptions,
  type TailReport,
  type LogLock,
  type WalCapabilities,
  type WalError,
  type WalManager,
  type WalMetadata,
  type WalMetadataInput,
} from '@babuza/wal-core';
import { detachSegments } from './detach-segments.ts';
import {
  commitFailure,
  directoryFailure,
  prepareFailure,
  readFailure,
  recoveryFailure,
  stepFailure,
  translating,
} from './disk-errors.ts';
import { directoryOfGroup, isNameBesideLog } from './group-folder.ts';
import { IdentityRecords, refuseLostLog } from './identity-records.ts';
import type { FoundLog, LogFiles, LogPlace, ReadyLog } from './log-files.ts';
import { readSteadily } from './read-steadily.ts';
import { refuseOtherKinds } from './refuse-other-kinds.ts';

const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };

/** A log that is open, or about to be. */
interface Slot {
  /** `undefined` until the log is open. */
  log: Assembled | undefined;
  readonly opening: Promise<unknown>;
}

/** A log as its user gets it, and what the manager keeps of it. */
interface Assembled {
  readonly wal: QueuedWal;
  /** The log's content, as readers see it. */
  readonly view: EntryView<PositionIndex>;
  readonly opened: OpenedWal;
}

/** The lock of the directory as logs get it. */
interface OwnedLock extends LogLock {
  readonly tookFromSilentOwner: boolean;
}

export interface FileWalManagerParts {
  /** The canonical name of the WAL type: its name in the table of kinds of logs. */
  readonly walType: string;
  readonly capabilities: WalCapabilities;
  readonly environment: GuardedEnvironment;
  readonly cache: CacheLimits;
  readonly files: LogFiles;
}

export class FileWalManager implements WalManager {
  readonly capabilities: WalCapabilities;
  readonly events: WalEventHub = new WalEventHub();
  readonly #directory: string;
  readonly #environment: GuardedEnvironment;
  readonly #cache: CacheLimits;
  readonly #files: LogFiles;
  readonly #identities: IdentityRecords;
  readonly #walType: string;
  #lock: Promise<DirectoryLock> | undefined;
  #holdsLock = false;
  /** The directory was found to hold no other kind of log while its lock was held. */
  #holdsOwnKindOnly = false;
  /** Why this manager does not own the directory any more. */
  #lockLost: WalError | undefined;
  /** The logs that are open, or about to be. */
  readonly #open = new Map<bigint, Slot>();
  #closing: Promise<void> | undefined;

  /** Throws `WAL_INVALID` where `directory` is no path. */
  constructor(directory: string, parts: FileWalManagerParts) {
    if (typeof directory !== 'string' || directory === '') {
      throw new InvalidArgumentError(`a log needs a directory, got ${JSON.stringify(directory)}`);
    }
    this.#directory = resolve(directory);
    this.capabilities = parts.capabilities;
    this.#environment = parts.environment;
    this.#cache = parts.cache;
    this.#files = parts.files;
    this.#identities = new IdentityRecords(parts.environment.fileSystem);
    this.#walType = parts.walType;
  }

  takeLock(): Promise<void> {
    return this.#whileOpen(async () => {
      const { fileSystem } = this.#environment;
      const kind = await translating(readFailure, () => fileSystem.kindOf(this.#directory));
      // A lock that is taken after the end of the manager would never be given back.
      if (this.#closing !== undefined) throw new ClosedError('the manager');
      if (kind === 'directory') await this.#lockDirectory();
    });
  }

  hasExistingWal(options?: GroupOptions): Promise<boolean> {
    return this.#whileOpen(() => this.#hasLog(this.#placeOf(checkedGroupId(options))));
  }

  createWal(input: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const metadata = checkedMetadata(input, this.capabilities);
      if (this.#open.get(groupId)?.log !== undefined) {
        throw new AlreadyExistsError(`the log of group ${groupId} exists, and is open`);
      }
      return this.#opening(groupId, () => this.#create(groupId, metadata));
    });
  }

  findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      // The answer is known for a log that is open here, and its files are changing.
      const open = this.#open.get(groupId)?.log;
      if (open !== undefined) return open.view.state.validMarkers();
      const place = this.#placeOf(groupId);
      await this.#mustExist(place);
      return translating(readFailure, () =>
        readSteadily(this.#environment.clock, async () => {
          const { tail, markers } = await this.#files.look(place);
          return { tail, value: markers };
        }),
      );
    });
  }

  replayWal(options: ReplayOptions = {}): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      return this.#opening(groupId, () => this.#replay(groupId, options));
    });
  }

  readIdentity(options?: GroupOptions): Promise<Uint8Array | undefined> {
    return this.#whileOpen(async () => {
      const place = this.#placeOf(checkedGroupId(options));
      if (!this.#open.has(place.groupId) && !(await this.#hasLog(place))) return undefined;
      return this.#identities.read(place);
    });
  }

  writeIdentity(bytes: Uint8Array, options?: GroupOptions): Promise<void> {
    return this.#whileOpen(async () => {
      const place = this.#placeOf(checkedGroupId(options));
      const record = checkedIdentityRecord(bytes);
      const slot = this.#open.get(place.groupId);
      if (slot?.log === undefined) await this.#mustExist(place);
      return this.#identities.write(place, record, () => {
        // Only the lock of a log that is open keeps others from writing this file.
        if (slot?.log === undefined || this.#open.get(place.groupId) !== slot) {
          throw new ClosedError(`the log of group ${place.groupId}`);
        }
        const { failure } = slot.log.wal;
        if (failure !== undefined) throw failure;
      });
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #whileOpen<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError('the manager'));
    return work();
  }

  /** One log of a group at a time, and only with the lock of the directory. */
  async #opening(groupId: bigint, open: () => Promise<Assembled>): Promise<OpenedWal> {
    if (this.#open.has(groupId)) {
      throw new LockedError(`the log of group ${groupId} in ${this.#directory} is open already`);
    }
    const opening = open();
    const slot: Slot = { log: undefined, opening };
    this.#open.set(groupId, slot);
    try {
      const log = await opening;
      slot.log = log;
      // The lock may have been lost before the log was there to be told.
      if (this.#lockLost !== undefined) log.wal.poison(this.#lockLost);
      return log.opened;
    } catch (error) {
      this.#open.delete(groupId);
      throw error;
    }
  }

  async #create(groupId: bigint, metadata: WalMetadata): Promise<Assembled> {
    const { fileSystem } = this.#environment;
    const place = this.#placeOf(groupId);
    // Without the lock, so that a directory with another kind of log stays as it is.
    await this.#refuseOtherKinds();
    await translating(directoryFailure, () => fileSystem.makeDirectory(this.#directory));
    const lock = await this.#lockDirectory();
    await translating(directoryFailure, () => fileSystem.makeDirectory(place.directory));
    await this.#refuseOccupied(place);
    const ready = await this.#files.create(place, metadata);
    return this.#assemble(groupId, lock, ready, { snapshot: undefined, tail: cleanTail });
  }

  async #replay(groupId: bigint, options: ReplayOptions): Promise<Assembled> {
    const place = this.#placeOf(groupId);
    // Without a log there is nothing to lock, and nothing is made.
    await this.#mustExist(place);
    const lock = await this.#lockDirectory();
    if (lock.tookFromSilentOwner) await this.#keepOutSilentOwner(place);
    const found: FoundLog = await translating(readFailure, () => this.#files.find(place));
    try {
      const { directory } = place;
      checkExpectation(directory, found.metadata, options.expect);
      const snapshot = chosenSnapshot(directory, found.state.validMarkers(), options.snapshot);
      const { tail, ready } = await translating(recoveryFailure, () => found.recover());
      for (const { file, what } of found.repaired) {
        this.events.emit({ type: 'repaired', groupId, file, what });
      }
      const start = { snapshot, tail };
      return await this.#assemble(groupId, lock, ready, start, options.discardUncommitted);
    } catch (error) {
      await found.abandon();
      throw error;
    }
  }

  async #assemble(
    groupId: bigint,
    lock: LogLock,
    ready: ReadyLog,
    { snapshot, tail }: { snapshot: SnapshotMetadata | undefined; tail: TailReport },
    discardUncommitted = false,
  ): Promise<Assembled> {
    const { events } = this;
    const { state, metadata, reader } = ready;
    const view = new EntryView(state, new RingCache(this.#cache), reader, snapshot);
    let isGivenUp = false;
    const store = ready.openStore(view, events, () => {
      // While the opening fails the slot keeps a second opening of the group out.
      if (!isGivenUp) this.#open.delete(groupId);
    });
    const wal = new QueuedWal({
      groupId,
      view,
      store,
      events,
      clock: this.#environment.clock,
      lock,
      entryBytesMax: metadata.entryBytesMax,
      cloneTerms: () => state.index.cloneTerms(),
    });
    if (discardUncommitted) {
      try {
        await translating(recoveryFailure, () => wal.discardUncommitted(snapshot?.index ?? 0));
      } catch (error) {
        // The store may have opened files that recovery did not know, such as the next segment.
        isGivenUp = true;
        await store.close(false).catch(() => undefined);
        throw error;
      }
    }
    events.emit({ type: 'recovered', groupId, tail });
    const opened = {
      wal,
      storage: new EntryStorage(view),
      metadata,
      hardState: state.hardState,
      snapshots: state.validMarkers(),
      tail,
    };
    return { wal, view, opened };
  }

  async #mustExist(place: LogPlace): Promise<void> {
    if (await this.#hasLog(place)) return;
    throw new NotFoundError(`there is no log in ${place.directory}`);
  }

  async #hasLog({ directory }: LogPlace): Promise<boolean> {
    await this.#refuseOtherKinds();
    return translating(readFailure, async () => {
      const kind = await this.#environment.fileSystem.kindOf(directory);
      if (kind === undefined) return false;
      if (kind !== 'directory') throw new ForeignFileError(directory, 'is not a directory');
      return this.#files.hasLog(directory);
    });
  }

  /** All groups are looked at, because the logs of a directory are all of one kind. */
  async #refuseOtherKinds(): Promise<void> {
    if (this.#holdsOwnKindOnly) return;
    const holdsLock = this.#holdsLock;
    const { fileSystem } = this.#environment;
    await translating(readFailure, () =>
      refuseOtherKinds(fileSystem, this.#directory, this.#walType),
    );
    // No back end makes a log without this lock, so it need not be asked again.
    this.#holdsOwnKindOnly = holdsLock;
  }

  async #refuseOccupied(place: LogPlace): Promise<void> {
    const { directory } = place;
    const { fileSystem } = this.#environment;
    if (await this.#hasLog(place)) {
      throw new AlreadyExistsError(`there is a log in ${directory} already`);
    }
    const entries = await translating(readFailure, () => fileSystem.list(directory));
    const leftovers: string[] = [];
    for (const { name } of entries) {
      refuseLostLog(directory, name);
      if (this.#files.isTemporary(name)) leftovers.push(`${directory}/${name}`);
      else if (!isNameBesideLog(name)) {
        throw new ForeignFileError(
          `${directory}/${name}`,
          'no log has such a file, and a new log is made in an empty directory only. Nothing was changed. Move it to another place, or use another directory',
        );
      }
    }
    // Left over from a creation that a crash interrupted.
    await translating(prepareFailure, async () => {
      for (const path of leftovers) await fileSystem.unlink(path);
    });
  }

  #placeOf(groupId: bigint): LogPlace {
    return { groupId, directory: directoryOfGroup(this.#directory, groupId) };
  }

  /** The lock of the directory, which is taken once. */
  async #lockDirectory(): Promise<OwnedLock> {
    if (this.#lockLost !== undefined) throw this.#lockLost;
    const { fileSystem } = this.#environment;
    this.#lock ??= fileSystem.lock(this.#directory).then((lock) => {
      lock.onLost((error) => this.#loseLock(error));
      return lock;
    });
    try {
      const lock = await this.#lock;
      this.#holdsLock = true;
      return {
        tookFromSilentOwner: lock.tookFromSilentOwner,
        isFresh: () => lock.isFresh(),
        confirm: () => translating(commitFailure, () => lock.confirm()),
      };
    } catch (error) {
      this.#lock = undefined;
      throw readFailure(error);
    }
  }

  /** A write of an owner that stood still must not arrive in the log that is opened now. */
  async #keepOutSilentOwner({ directory }: LogPlace): Promise<void> {
    const { fileSystem } = this.#environment;
    await translating(prepareFailure, async () => {
      await detachSegments(fileSystem, directory, await this.#files.lastSegments(directory));
    });
  }

  /** Also a log that nobody writes to is told at once. */
  #loseLock(cause: unknown): void {
    const error = commitFailure(cause);
    this.#lockLost = error;
    for (const { log } of this.#open.values()) log?.wal.poison(error);
  }

  async #close(): Promise<void> {
    const slots = [...this.#open.values()];
    // A log that is just being opened would be left behind without an owner.
    await Promise.allSettled(slots.map(({ opening }) => opening));
    const results = await Promise.allSettled(slots.map(async ({ log }) => log?.wal.close()));
    await this.#identities.settled();
    const lock = await this.#lock?.catch(() => undefined);
    await translating(stepFailure, async () => lock?.release());
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
