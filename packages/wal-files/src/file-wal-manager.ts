/**
 * A directory of logs, whatever their files look like: which logs are open, the lock of the directory, and
 * how an opened log is put together. The log of group 0 is in the directory itself, those of other groups in
 * folders of their own. The directory is locked from the first log that is opened until the manager is closed.
 */
import { resolve } from 'node:path';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { DirectoryLock, Environment } from '@babuza/vfs';
import {
  AlreadyExistsError,
  checkedGroupId,
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
  type Wal,
  type WalCapabilities,
  type WalManager,
  type WalMetadata,
  type WalMetadataInput,
} from '@babuza/wal-core';
import {
  directoryFailure,
  prepareFailure,
  readFailure,
  recoveryFailure,
  stepFailure,
  translating,
} from './disk-errors.ts';
import { directoryOfGroup, isNameBesideLog } from './group-folder.ts';
import type { FoundLog, LogFiles, LogPlace, ReadyLog } from './log-files.ts';
import { readSteadily } from './read-steadily.ts';

const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };

/** A log that is open, or about to be. */
interface Slot {
  wal: Wal | undefined;
  /** What it contains, once it is open. */
  view: EntryView<PositionIndex> | undefined;
  readonly opening: Promise<unknown>;
}

export interface FileWalManagerParts {
  readonly capabilities: WalCapabilities;
  readonly environment: Environment;
  readonly cache: CacheLimits;
  readonly files: LogFiles;
}

export class FileWalManager implements WalManager {
  readonly capabilities: WalCapabilities;
  readonly events: WalEventHub = new WalEventHub();
  readonly #directory: string;
  readonly #environment: Environment;
  readonly #cache: CacheLimits;
  readonly #files: LogFiles;
  #lock: Promise<DirectoryLock> | undefined;
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
  }

  hasExistingWal(options?: GroupOptions): Promise<boolean> {
    return this.#whileOpen(() => this.#hasLog(this.#placeOf(checkedGroupId(options))));
  }

  createWal(input: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const metadata = checkedMetadata(input, this.capabilities);
      if (this.#open.get(groupId)?.wal !== undefined) {
        throw new AlreadyExistsError(`the log of group ${groupId} exists, and is open`);
      }
      return this.#opening(groupId, () => this.#create(groupId, metadata));
    });
  }

  findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      // Of a log that is open here the answer is known, and its files are changing.
      const open = this.#open.get(groupId)?.view;
      if (open !== undefined) return open.state.validMarkers();
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
  async #opening(groupId: bigint, open: () => Promise<OpenedWal>): Promise<OpenedWal> {
    if (this.#open.has(groupId)) {
      throw new LockedError(`the log of group ${groupId} in ${this.#directory} is open already`);
    }
    const opening = open();
    const slot: Slot = { wal: undefined, view: undefined, opening };
    this.#open.set(groupId, slot);
    try {
      const opened = await opening;
      slot.wal = opened.wal;
      return opened;
    } catch (error) {
      this.#open.delete(groupId);
      throw error;
    }
  }

  async #create(groupId: bigint, metadata: WalMetadata): Promise<OpenedWal> {
    const { fileSystem } = this.#environment;
    const place = this.#placeOf(groupId);
    await translating(directoryFailure, () => fileSystem.makeDirectory(this.#directory));
    await this.#takeLock();
    await translating(directoryFailure, () => fileSystem.makeDirectory(place.directory));
    await this.#refuseOccupied(place);
    const ready = await this.#files.create(place, metadata);
    return this.#assemble(groupId, ready, { snapshot: undefined, tail: cleanTail });
  }

  async #replay(groupId: bigint, options: ReplayOptions): Promise<OpenedWal> {
    const place = this.#placeOf(groupId);
    // Without a log there is nothing to lock, and nothing is made.
    await this.#mustExist(place);
    await this.#takeLock();
    const found: FoundLog = await translating(readFailure, () => this.#files.find(place));
    try {
      const { directory } = place;
      checkExpectation(directory, found.metadata, options.expect);
      const snapshot = chosenSnapshot(directory, found.state.validMarkers(), options.snapshot);
      const { tail, ready } = await translating(recoveryFailure, () => found.recover());
      for (const { file, what } of found.repaired) {
        this.events.emit({ type: 'repaired', groupId, file, what });
      }
      return await this.#assemble(groupId, ready, { snapshot, tail }, options.discardUncommitted);
    } catch (error) {
      await found.abandon();
      throw error;
    }
  }

  async #assemble(
    groupId: bigint,
    ready: ReadyLog,
    { snapshot, tail }: { snapshot: SnapshotMetadata | undefined; tail: TailReport },
    discardUncommitted = false,
  ): Promise<OpenedWal> {
    const { events } = this;
    const { state, metadata, reader } = ready;
    const view = new EntryView(state, new RingCache(this.#cache), reader, snapshot);
    const store = ready.openStore(view, events, () => this.#open.delete(groupId));
    const wal = new QueuedWal({
      groupId,
      view,
      store,
      events,
      clock: this.#environment.clock,
      entryBytesMax: metadata.entryBytesMax,
      cloneTerms: () => state.index.cloneTerms(),
    });
    const slot = this.#open.get(groupId);
    if (slot !== undefined) slot.view = view;
    if (discardUncommitted) {
      await translating(recoveryFailure, () => wal.discardUncommitted(snapshot?.index ?? 0));
    }
    events.emit({ type: 'recovered', groupId, tail });
    return {
      wal,
      storage: new EntryStorage(view),
      metadata,
      hardState: state.hardState,
      snapshots: state.validMarkers(),
      tail,
    };
  }

  async #mustExist(place: LogPlace): Promise<void> {
    if (await this.#hasLog(place)) return;
    throw new NotFoundError(`there is no log in ${place.directory}`);
  }

  async #hasLog({ directory }: LogPlace): Promise<boolean> {
    return translating(readFailure, async () => {
      const kind = await this.#environment.fileSystem.kindOf(directory);
      if (kind === undefined) return false;
      if (kind !== 'directory') throw new ForeignFileError(directory, 'is not a directory');
      return this.#files.hasLog(directory);
    });
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
      if (this.#files.isTemporary(name)) leftovers.push(`${directory}/${name}`);
      else if (!isNameBesideLog(name)) {
        throw new ForeignFileError(`${directory}/${name}`, 'a new log wants an empty directory');
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

  async #takeLock(): Promise<void> {
    const { fileSystem } = this.#environment;
    this.#lock ??= fileSystem.lock(this.#directory);
    try {
      await this.#lock;
    } catch (error) {
      this.#lock = undefined;
      throw readFailure(error);
    }
  }

  async #close(): Promise<void> {
    const slots = [...this.#open.values()];
    // What is just being opened would be left behind without an owner.
    await Promise.allSettled(slots.map(({ opening }) => opening));
    const results = await Promise.allSettled(slots.map(async ({ wal }) => wal?.close()));
    const lock = await this.#lock?.catch(() => undefined);
    await translating(stepFailure, async () => lock?.release());
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
