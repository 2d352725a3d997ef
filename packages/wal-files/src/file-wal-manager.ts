/**
 * A directory of logs, independent of the format of their files. It keeps track of the open logs,
 * owns the lock of the directory, and assembles an opened log from its parts. The log of group 0 is
 * in the directory itself, and those of other groups are in folders of their own. The directory is
 * locked from the first opening of a log until the manager is closed.
 */
import { resolve } from 'node:path';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { DirectoryLock, GuardedEnvironment } from '@babuza/vfs';
import {
  AlreadyExistsError,
  ClosedError,
  ForeignFileError,
  InvalidArgumentError,
  LockedError,
  NotFoundError,
  type CacheLimits,
  type GroupOptions,
  type OpenedWal,
  type ReplayOptions,
  type TailReport,
  type WalCapabilities,
  type WalError,
  type WalManager,
  type WalMetadata,
  type WalMetadataInput,
} from '@babuza/wal-core';
import {
  checkedGroupId,
  checkedIdentityRecord,
  checkedMetadata,
  checkExpectation,
  chosenSnapshot,
  EntryStorage,
  EntryView,
  QueuedWal,
  RingCache,
  WalEventHub,
  type PositionIndex,
  type LogLock,
} from '@babuza/wal-core/backend';
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
import type { FoundLog, LogFiles, LogLocation, ReadyLog } from './log-files.ts';
import { readSteadily } from './read-steadily.ts';
import { refuseOtherKinds } from './refuse-other-kinds.ts';

const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };

/** An entry for a log that is open or being opened. */
interface Slot {
  /** `undefined` until the log is open. */
  log: Assembled | undefined;
  readonly opening: Promise<unknown>;
}

/** An opened log: the object that the user gets, and the parts that the manager needs. */
interface Assembled {
  readonly wal: QueuedWal;
  /** The published content of the log. */
  readonly view: EntryView<PositionIndex>;
  readonly opened: OpenedWal;
}

/** The lock of the directory in the form that logs use. */
interface OwnedLock extends LogLock {
  readonly tookFromSilentOwner: boolean;
}

export interface FileWalManagerParts {
  /** The canonical name of the WAL type, as in the table of kinds of logs. */
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
  /** Whether a check under the lock found no other kind of log in the directory. */
  #holdsOwnKindOnly = false;
  /** The reason why this manager no longer owns the directory. */
  #lockLost: WalError | undefined;
  /** The logs that are open or being opened, by group id. */
  readonly #open = new Map<bigint, Slot>();
  #closing: Promise<void> | undefined;

  /** Throws `WAL_INVALID` if `directory` is not a path. */
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
      // A lock that is taken after `close` would never be released.
      if (this.#closing !== undefined) throw new ClosedError('the manager');
      if (kind === 'directory') await this.#lockDirectory();
    });
  }

  hasExistingWal(options?: GroupOptions): Promise<boolean> {
    return this.#whileOpen(() => this.#hasLog(this.#locationOf(checkedGroupId(options))));
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
      // An open log knows its markers, while its files are changing and cannot be read.
      const open = this.#open.get(groupId)?.log;
      if (open !== undefined) return open.view.state.validMarkers();
      const location = this.#locationOf(groupId);
      await this.#mustExist(location);
      return translating(readFailure, () =>
        readSteadily(this.#environment.clock, async () => {
          const { tail, markers } = await this.#files.look(location);
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
      const location = this.#locationOf(checkedGroupId(options));
      if (!this.#open.has(location.groupId) && !(await this.#hasLog(location))) return undefined;
      return this.#identities.read(location);
    });
  }

  writeIdentity(bytes: Uint8Array, options?: GroupOptions): Promise<void> {
    return this.#whileOpen(async () => {
      const location = this.#locationOf(checkedGroupId(options));
      const record = checkedIdentityRecord(bytes);
      const slot = this.#open.get(location.groupId);
      if (slot?.log === undefined) await this.#mustExist(location);
      return this.#identities.write(location, record, () => {
        // Only while the log is open does the lock keep other processes from writing this file.
        if (slot?.log === undefined || this.#open.get(location.groupId) !== slot) {
          throw new ClosedError(`the log of group ${location.groupId}`);
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

  /** Opens a log, unless the log of the group is open or being opened already. */
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
      // If the lock was lost during the opening, `#loseLock` could not poison this log yet.
      if (this.#lockLost !== undefined) log.wal.poison(this.#lockLost);
      return log.opened;
    } catch (error) {
      this.#open.delete(groupId);
      throw error;
    }
  }

  async #create(groupId: bigint, metadata: WalMetadata): Promise<Assembled> {
    const { fileSystem } = this.#environment;
    const location = this.#locationOf(groupId);
    // This check runs before the lock is taken, so that a directory with another kind of log stays
    // unchanged.
    await this.#refuseOtherKinds();
    await translating(directoryFailure, () => fileSystem.makeDirectory(this.#directory));
    const lock = await this.#lockDirectory();
    await translating(directoryFailure, () => fileSystem.makeDirectory(location.directory));
    await this.#refuseOccupied(location);
    const ready = await this.#files.create(location, metadata);
    return this.#assemble(groupId, lock, ready, { snapshot: undefined, tail: cleanTail });
  }

  async #replay(groupId: bigint, options: ReplayOptions): Promise<Assembled> {
    const location = this.#locationOf(groupId);
    // If there is no log, no lock file is created.
    await this.#mustExist(location);
    const lock = await this.#lockDirectory();
    if (lock.tookFromSilentOwner) await this.#keepOutSilentOwner(location);
    const found: FoundLog = await translating(readFailure, () => this.#files.find(location));
    try {
      const { directory } = location;
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
      // If the opening fails, the slot stays until that is over, so that a second opening cannot
      // begin.
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
        // The store may have opened files after recovery, such as the next segment.
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

  async #mustExist(location: LogLocation): Promise<void> {
    if (await this.#hasLog(location)) return;
    throw new NotFoundError(`there is no log in ${location.directory}`);
  }

  async #hasLog({ directory }: LogLocation): Promise<boolean> {
    await this.#refuseOtherKinds();
    return translating(readFailure, async () => {
      const kind = await this.#environment.fileSystem.kindOf(directory);
      if (kind === undefined) return false;
      if (kind !== 'directory') throw new ForeignFileError(directory, 'is not a directory');
      return this.#files.hasLog(directory);
    });
  }

  /** Checks all groups, because the logs of one directory are all of one kind. */
  async #refuseOtherKinds(): Promise<void> {
    if (this.#holdsOwnKindOnly) return;
    const holdsLock = this.#holdsLock;
    const { fileSystem } = this.#environment;
    await translating(readFailure, () =>
      refuseOtherKinds(fileSystem, this.#directory, this.#walType),
    );
    // No back end creates a log without this lock, so one check under the lock suffices.
    this.#holdsOwnKindOnly = holdsLock;
  }

  async #refuseOccupied(location: LogLocation): Promise<void> {
    const { directory } = location;
    const { fileSystem } = this.#environment;
    if (await this.#hasLog(location)) {
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
          'no log has such a file, and a new log is created in an empty directory only. Nothing was changed. Move the file away, or use another directory',
        );
      }
    }
    // These files are left over from a creation that a crash interrupted.
    await translating(prepareFailure, async () => {
      for (const path of leftovers) await fileSystem.unlink(path);
    });
  }

  #locationOf(groupId: bigint): LogLocation {
    return { groupId, directory: directoryOfGroup(this.#directory, groupId) };
  }

  /** Takes the lock of the directory at the first call; later calls share it. */
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

  /**
   * A late write of the former owner, which may only be suspended, must not reach the log that is
   * opened now.
   */
  async #keepOutSilentOwner({ directory }: LogLocation): Promise<void> {
    const { fileSystem } = this.#environment;
    await translating(prepareFailure, async () => {
      await detachSegments(fileSystem, directory, await this.#files.lastSegments(directory));
    });
  }

  /** Poisons all open logs at once, including those that are not being written. */
  #loseLock(cause: unknown): void {
    const error = commitFailure(cause);
    this.#lockLost = error;
    for (const { log } of this.#open.values()) log?.wal.poison(error);
  }

  async #close(): Promise<void> {
    const slots = [...this.#open.values()];
    // A log that is still being opened must be closed as well.
    await Promise.allSettled(slots.map(({ opening }) => opening));
    const results = await Promise.allSettled(slots.map(async ({ log }) => log?.wal.close()));
    await this.#identities.settled();
    const lock = await this.#lock?.catch(() => undefined);
    await translating(stepFailure, async () => lock?.release());
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
