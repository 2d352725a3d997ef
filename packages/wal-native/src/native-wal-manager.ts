/**
 * A directory of native logs: the log of group 0 in the directory itself, those of other groups in
 * folders of their own. The directory is locked from the first log that is opened until the manager is
 * closed.
 */
import { resolve } from 'node:path';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { DirectoryLock } from '@babuza/vfs';
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
  LogState,
  NotFoundError,
  PositionIndex,
  QueuedWal,
  RingCache,
  WalEventHub,
  type GroupOptions,
  type OpenedWal,
  type ReplayOptions,
  type TailReport,
  type Wal,
  type WalCapabilities,
  type WalManager,
  type WalMetadata,
  type WalMetadataInput,
} from '@babuza/wal-core';
import { capabilities } from './capabilities.ts';
import {
  commitFailure,
  directoryFailure,
  prepareFailure,
  readFailure,
  translating,
} from './disk-errors.ts';
import { groupFolder } from './format/segment-name.ts';
import { NativeStore } from './native-store.ts';
import { checkedOptions, type CheckedOptions, type NativeWalOptions } from './options.ts';
import { lookAtLog, readSteadily } from './recovery/look.ts';
import { belongsToLog, listLog, readLog } from './recovery/read-log.ts';
import { recover, type AppendPoint } from './recovery/recover.ts';
import type { LogStart } from './recovery/replayed-log.ts';
import { SegmentEntryReader } from './segment/entry-reader.ts';
import { SegmentList, type Segment } from './segment/segment.ts';
import { SpareSegments } from './segment/spare-segments.ts';
import { createSegment, firstAppendPoint } from './writer/create-segment.ts';
import { GroupEncoder } from './writer/group-encoder.ts';

const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };

/** A log that is open, or about to be. */
interface Slot {
  wal: Wal | undefined;
  /** What it contains, once it is open. */
  view: EntryView<PositionIndex> | undefined;
  readonly opening: Promise<unknown>;
}

/** What opening a log comes to, whether it was created or recovered. */
interface Assembly {
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  readonly start: LogStart;
  readonly segments: readonly Segment[];
  readonly appendPoint: AppendPoint;
  readonly spares: SpareSegments;
  readonly tail: TailReport;
  readonly snapshot: SnapshotMetadata | undefined;
}

export class NativeWalManager implements WalManager {
  readonly capabilities: WalCapabilities = capabilities;
  readonly events: WalEventHub = new WalEventHub();
  readonly #directory: string;
  readonly #options: CheckedOptions;
  #lock: Promise<DirectoryLock> | undefined;
  /** The logs that are open, or about to be. */
  readonly #open = new Map<bigint, Slot>();
  #closing: Promise<void> | undefined;

  constructor(directory: string, options: NativeWalOptions = {}) {
    if (typeof directory !== 'string' || directory === '') {
      throw new InvalidArgumentError(`a log needs a directory, got ${JSON.stringify(directory)}`);
    }
    this.#directory = resolve(directory);
    this.#options = checkedOptions(options);
  }

  hasExistingWal(options?: GroupOptions): Promise<boolean> {
    return this.#whileOpen(async () => {
      const directory = this.#directoryOf(checkedGroupId(options));
      return (await this.#listed(directory)).segments.length > 0;
    });
  }

  createWal(input: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const metadata = checkedMetadata(input, capabilities);
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
      await this.#existing(groupId);
      const { clock, fileSystem } = this.#options.environment;
      return translating(readFailure, () =>
        readSteadily(clock, async () => {
          const contents = await lookAtLog(fileSystem, this.#directoryOf(groupId), groupId);
          return { tail: contents.tail, value: contents.log.replayed.state.validMarkers() };
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
    const { environment, recycledMax, segmentBytes } = this.#options;
    const { fileSystem, random } = environment;
    const directory = this.#directoryOf(groupId);
    await translating(directoryFailure, () => fileSystem.makeDirectory(this.#directory));
    await this.#takeLock();
    await translating(directoryFailure, () => fileSystem.makeDirectory(directory));
    await this.#refuseOccupied(directory);
    const spares = new SpareSegments(environment, directory, recycledMax);
    const state = new LogState(new PositionIndex());
    const start = { index: 0, term: 0, segmentId: 1 };
    const created = await createSegment(
      {
        environment,
        directory,
        groupId,
        metadata,
        segmentBytes,
        segmentId: 1,
        salt: random.uint32(),
        predecessor: undefined,
        state,
        start,
        group: undefined,
      },
      spares,
      new GroupEncoder(groupId),
    );
    const appendPoint = firstAppendPoint(created);
    const segments = [created.segment];
    return this.#assemble({
      groupId,
      metadata,
      state,
      start,
      segments,
      appendPoint,
      spares,
      tail: cleanTail,
      snapshot: undefined,
    });
  }

  async #replay(groupId: bigint, options: ReplayOptions): Promise<OpenedWal> {
    const { environment, recycledMax, uncertainTail } = this.#options;
    const directory = this.#directoryOf(groupId);
    // Without a log there is nothing to lock, and nothing is made.
    await this.#existing(groupId);
    await this.#takeLock();
    const contents = await this.#readLog(groupId);
    const segments = contents.findings.map(({ segment }) => segment);
    try {
      checkExpectation(directory, contents.metadata, options.expect);
      const { state, start } = contents.replayed;
      const snapshot = chosenSnapshot(directory, state.validMarkers(), options.snapshot);
      const { tail, appendPoint } = await translating(commitFailure, () =>
        recover(environment.fileSystem, contents, uncertainTail),
      );
      const spares = new SpareSegments(environment, directory, recycledMax);
      for (const { file, what } of contents.repaired) {
        this.events.emit({ type: 'repaired', groupId, file, what });
      }
      const { metadata } = contents;
      const assembly = {
        groupId,
        metadata,
        state,
        start,
        segments,
        appendPoint,
        spares,
        tail,
        snapshot,
      };
      return await this.#assemble(assembly, options.discardUncommitted);
    } catch (error) {
      for (const { file } of segments) await file.close().catch(() => undefined);
      throw error;
    }
  }

  async #assemble(assembly: Assembly, discardUncommitted = false): Promise<OpenedWal> {
    const { groupId, metadata, state, tail, snapshot } = assembly;
    const { events } = this;
    const segments = new SegmentList();
    for (const segment of assembly.segments) segments.add(segment);
    const reader = new SegmentEntryReader(state.index, segments, groupId);
    const view = new EntryView(state, new RingCache(this.#options.cache), reader, snapshot);
    const store = new NativeStore({
      options: this.#options,
      directory: this.#directoryOf(groupId),
      groupId,
      metadata,
      view,
      segments,
      spares: assembly.spares,
      encoder: new GroupEncoder(groupId),
      events,
      start: assembly.start,
      appendPoint: assembly.appendPoint,
      onClosed: () => this.#open.delete(groupId),
    });
    const wal = new QueuedWal({
      groupId,
      view,
      store,
      events,
      entryBytesMax: metadata.entryBytesMax,
      cloneTerms: () => state.index.cloneTerms(),
    });
    const slot = this.#open.get(groupId);
    if (slot !== undefined) slot.view = view;
    if (discardUncommitted) await wal.discardUncommitted(snapshot?.index ?? 0);
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

  async #readLog(groupId: bigint): ReturnType<typeof readLog> {
    const listing = await this.#existing(groupId);
    const { fileSystem } = this.#options.environment;
    return translating(readFailure, () =>
      readLog(fileSystem, this.#directoryOf(groupId), groupId, listing, 'write'),
    );
  }

  async #existing(groupId: bigint): ReturnType<typeof listLog> {
    const directory = this.#directoryOf(groupId);
    const listing = await this.#listed(directory);
    if (listing.segments.length === 0) throw new NotFoundError(`there is no log in ${directory}`);
    return listing;
  }

  async #listed(directory: string): ReturnType<typeof listLog> {
    const { fileSystem } = this.#options.environment;
    return translating(readFailure, async () => {
      const kind = await fileSystem.kindOf(directory);
      if (kind === undefined) return { segments: [], temporaries: [] };
      if (kind !== 'directory') throw new ForeignFileError(directory, 'is not a directory');
      return listLog(fileSystem, directory);
    });
  }

  async #refuseOccupied(directory: string): Promise<void> {
    const { fileSystem } = this.#options.environment;
    const { segments, temporaries } = await this.#listed(directory);
    if (segments.length > 0) throw new AlreadyExistsError(`there is a log in ${directory} already`);
    await translating(readFailure, async () => {
      for (const { name } of await fileSystem.list(directory)) {
        if (!belongsToLog(name)) {
          throw new ForeignFileError(`${directory}/${name}`, 'a new log wants an empty directory');
        }
      }
    });
    // Left over from a creation that a crash interrupted.
    await translating(prepareFailure, async () => {
      for (const path of temporaries) await fileSystem.unlink(path);
    });
  }

  #directoryOf(groupId: bigint): string {
    return groupId === 0n ? this.#directory : `${this.#directory}/${groupFolder(groupId)}`;
  }

  async #takeLock(): Promise<void> {
    const { fileSystem } = this.#options.environment;
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
    await translating(commitFailure, async () => lock?.release());
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
