/**
 * A correct back end in about two hundred lines. It keeps the log in maps in memory, in the layout
 * of a key-value store. It is an example for authors of back ends, and the wrong back ends are
 * derived from it. The content of a `MemoryDisk` is durable; a restart is a new manager on the same
 * disk.
 */
import {
  AlreadyExistsError,
  ClosedError,
  LockedError,
  NoSpaceError,
  NotFoundError,
  type GroupOptions,
  type OpenedWal,
  type PurgeReport,
  type ReplayOptions,
  type TailReport,
  type WalCapabilities,
  type WalManager,
  type WalMetadata,
  type WalMetadataInput,
} from '@babuza/wal-core';
import {
  checkedGroupId,
  checkedIdentityRecord,
  checkedMetadata,
  checkExpectation,
  EntryStorage,
  EntryView,
  LogState,
  QueuedWal,
  RingCache,
  TermIndex,
  WalEventHub,
  type EntryReader,
  type LogStore,
  type SavePlan,
} from '@babuza/wal-core/backend';
import {
  emptyHardState,
  entryEncodedSize,
  type Entry,
  type HardState,
  type SnapshotMetadata,
} from '@babuza/raftpb';

export const referenceCapabilities: WalCapabilities = {
  durable: true,
  batchAtomic: true,
  detectsEveryFlip: true,
  exactPurge: true,
  entryBytesMax: 16 * 1024 * 1024,
};

/** The stored state of one log. */
export interface StoredLog {
  readonly metadata: WalMetadata;
  baseIndex: number;
  baseTerm: number;
  readonly entries: Map<number, Entry>;
  hardState: HardState;
  markers: readonly SnapshotMetadata[];
}

/** The "disk". */
export class MemoryDisk {
  readonly logs = new Map<bigint, StoredLog>();
  readonly identities = new Map<bigint, Uint8Array>();
  owner: ReferenceManager | undefined;
  /** The failure of the next write, if the test wants one. */
  nextFailure: 'no-space' | 'broken' | undefined;
}

/** The parameters of a store. */
export type StoreParts = ConstructorParameters<typeof ReferenceStore>;

export class ReferenceStore implements LogStore, EntryReader {
  readonly stats = { syncs: 0, bytesWritten: 0, segments: 1 };
  protected readonly disk: MemoryDisk;
  protected readonly log: StoredLog;
  protected readonly view: EntryView<TermIndex>;
  protected unsafeNoFsync = false;
  readonly #onClose: () => void;

  constructor(
    disk: MemoryDisk,
    log: StoredLog,
    snapshot: SnapshotMetadata | undefined,
    onClose: () => void,
    cache: RingCache = new RingCache(),
  ) {
    this.disk = disk;
    this.log = log;
    this.#onClose = onClose;
    this.view = new EntryView(stateOf(log), cache, this, snapshot);
  }

  get entryView(): EntryView<TermIndex> {
    return this.view;
  }

  read(lo: number, hi: number, maxBytes: number): Entry[] {
    const result: Entry[] = [];
    let bytes = 0;
    for (let index = lo; index < hi; index += 1) {
      const entry = this.log.entries.get(index);
      if (entry === undefined) throw new Error(`entry ${index} is not stored`);
      bytes += entryEncodedSize(entry);
      if (result.length > 0 && bytes > maxBytes) break;
      result.push(entry);
    }
    return result;
  }

  async commit(plans: readonly SavePlan[], durable: boolean): Promise<void> {
    await this.write();
    for (const plan of plans) this.apply(plan);
    if (durable) this.sync();
  }

  publish(plan: SavePlan): void {
    this.view.publish(plan, (entries) => {
      for (const { index, term } of entries) this.view.state.index.append(index, term);
    });
  }

  releasePurged(): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>> {
    return Promise.resolve({
      segmentsRemoved: 0,
      segmentsRecycled: 0,
      bytesFreed: 0,
      segmentsKept: 1,
      heldBy: undefined,
    });
  }

  setUnsafeNoFsync(): void {
    this.unsafeNoFsync = true;
  }

  close(_clean: boolean): Promise<void> {
    this.#onClose();
    return Promise.resolve();
  }

  /** Takes the time of a write, and fails if a test asked for it. */
  protected async write(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    const failure = this.disk.nextFailure;
    this.disk.nextFailure = undefined;
    if (failure === 'no-space') throw new NoSpaceError('the test wants no space');
    if (failure === 'broken') throw new Error('the test wants a broken disk');
  }

  protected sync(): void {
    if (!this.unsafeNoFsync) this.stats.syncs += 1;
  }

  /** Applies the changes of the plan in its order. */
  protected apply(plan: SavePlan): void {
    const { log } = this;
    if (plan.marker !== undefined) this.applyMarker(plan.marker, plan.resets);
    if (plan.truncateFrom !== undefined) this.truncateFrom(plan.truncateFrom);
    for (const entry of plan.entries) log.entries.set(entry.index, this.copyOf(entry));
    if (plan.hardState !== undefined) log.hardState = plan.hardState;
    if (plan.purgeTo !== undefined) this.purgeTo(plan.purgeTo.index, plan.purgeTo.term);
    this.stats.bytesWritten += plan.bytes;
  }

  protected applyMarker(marker: SnapshotMetadata, resets: boolean): void {
    const { log } = this;
    if (resets) {
      log.entries.clear();
      log.markers = [];
      log.baseIndex = marker.index;
      log.baseTerm = marker.term;
    }
    log.markers = [...log.markers.filter(({ index }) => index < marker.index), marker];
  }

  protected truncateFrom(index: number): void {
    for (const stored of this.log.entries.keys()) {
      if (stored >= index) this.log.entries.delete(stored);
    }
  }

  protected purgeTo(index: number, term: number): void {
    const { log } = this;
    for (const stored of log.entries.keys()) if (stored <= index) log.entries.delete(stored);
    log.baseIndex = index;
    log.baseTerm = term;
    log.markers = log.markers.filter((marker) => marker.index >= index);
  }

  protected copyOf(entry: Entry): Entry {
    return entry.data === undefined ? entry : { ...entry, data: new Uint8Array(entry.data) };
  }
}

/** Builds the state of a log from the stored state. */
export function stateOf(log: StoredLog): LogState<TermIndex> {
  const index = new TermIndex(log.baseIndex, log.baseTerm);
  for (;;) {
    const next = log.entries.get(index.lastIndex + 1);
    if (next === undefined) return new LogState(index, log.hardState, log.markers);
    index.append(next.index, next.term);
  }
}

export class ReferenceManager implements WalManager {
  readonly capabilities: WalCapabilities;
  readonly events = new WalEventHub();
  protected readonly disk: MemoryDisk;
  readonly #open = new Map<bigint, QueuedWal>();
  #closing: Promise<void> | undefined;

  constructor(disk: MemoryDisk, capabilities: WalCapabilities = referenceCapabilities) {
    this.disk = disk;
    this.capabilities = capabilities;
  }

  async hasExistingWal(options?: GroupOptions): Promise<boolean> {
    this.#checkOpen();
    return this.disk.logs.has(checkedGroupId(options));
  }

  async createWal(input: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    this.#checkOpen();
    const groupId = checkedGroupId(options);
    const metadata = checkedMetadata(input, this.capabilities);
    this.checkOwner();
    if (this.disk.logs.has(groupId)) {
      throw new AlreadyExistsError(`there is a log of group ${groupId}`);
    }
    const log: StoredLog = {
      metadata,
      baseIndex: 0,
      baseTerm: 0,
      entries: new Map(),
      hardState: emptyHardState,
      markers: [],
    };
    this.disk.logs.set(groupId, log);
    return this.#opened(groupId, log, undefined, false);
  }

  async findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]> {
    this.#checkOpen();
    return stateOf(this.#find(checkedGroupId(options))).validMarkers();
  }

  async replayWal(options: ReplayOptions = {}): Promise<OpenedWal> {
    this.#checkOpen();
    const groupId = checkedGroupId(options);
    this.checkOwner();
    this.checkNotOpen(this.#open.has(groupId));
    const log = this.#find(groupId);
    this.checkMetadata(log.metadata, options.expect);
    const markers = stateOf(log).validMarkers();
    const { snapshot: wanted, discardUncommitted = false } = options;
    const snapshot = wanted === undefined ? markers.at(-1) : this.findMarker(markers, wanted);
    return this.#opened(groupId, log, snapshot, discardUncommitted);
  }

  async readIdentity(options?: GroupOptions): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.disk.identities.get(checkedGroupId(options))?.slice();
  }

  async writeIdentity(bytes: Uint8Array, options?: GroupOptions): Promise<void> {
    this.#checkOpen();
    const groupId = checkedGroupId(options);
    const record = checkedIdentityRecord(bytes);
    const open = this.#open.get(groupId);
    if (open === undefined) {
      this.#find(groupId);
      throw new ClosedError(`the log of group ${groupId}`);
    }
    if (open.failure !== undefined) throw open.failure;
    this.keepIdentity(groupId, record);
  }

  /** Makes the record durable. */
  protected keepIdentity(groupId: bigint, record: Uint8Array): void {
    this.disk.identities.set(groupId, record);
  }

  close(): Promise<void> {
    this.#closing ??= this.closeLogs([...this.#open.values()]);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected async closeLogs(logs: readonly QueuedWal[]): Promise<void> {
    await Promise.all(logs.map((log) => log.close()));
    if (this.disk.owner === this) this.disk.owner = undefined;
  }

  protected checkMetadata(metadata: WalMetadata, expect: ReplayOptions['expect']): void {
    checkExpectation('the log', metadata, expect);
  }

  protected entryBytesMax(metadata: WalMetadata): number {
    return metadata.entryBytesMax;
  }

  protected findMarker(
    markers: readonly SnapshotMetadata[],
    wanted: NonNullable<ReplayOptions['snapshot']>,
  ): SnapshotMetadata {
    const found = markers.find(({ index, term }) => index === wanted.index && term === wanted.term);
    if (found === undefined) {
      throw new NotFoundError(`there is no snapshot at index ${wanted.index}, term ${wanted.term}`);
    }
    return found;
  }

  protected checkOwner(): void {
    this.disk.owner ??= this;
    if (this.disk.owner !== this) throw new LockedError('another manager owns the disk');
  }

  protected checkNotOpen(isOpen: boolean): void {
    if (isOpen) throw new LockedError('the log is open');
  }

  protected makeStore(
    log: StoredLog,
    snapshot: SnapshotMetadata | undefined,
    onClose: () => void,
  ): ReferenceStore {
    return new ReferenceStore(this.disk, log, snapshot, onClose);
  }

  /** A hook for wrong back ends: it may wrap the opened log. */
  protected handOut(opened: OpenedWal, _view: EntryView): OpenedWal {
    return opened;
  }

  async #opened(
    groupId: bigint,
    log: StoredLog,
    snapshot: SnapshotMetadata | undefined,
    discardUncommitted: boolean,
  ): Promise<OpenedWal> {
    const store = this.makeStore(log, snapshot, () => this.#open.delete(groupId));
    const view = store.entryView;
    const wal = new QueuedWal({
      groupId,
      view,
      store,
      events: this.events,
      entryBytesMax: this.entryBytesMax(log.metadata),
      cloneTerms: () => view.state.index.clone(),
    });
    this.#open.set(groupId, wal);
    if (discardUncommitted) await wal.discardUncommitted(snapshot?.index ?? 0);
    const tail: TailReport = { verdict: 'clean', bytesDropped: 0 };
    this.events.emit({ type: 'recovered', groupId, tail });
    const opened = {
      wal,
      storage: new EntryStorage(view),
      metadata: log.metadata,
      hardState: view.state.hardState,
      snapshots: view.state.validMarkers(),
      tail,
    };
    return this.handOut(opened, view);
  }

  #find(groupId: bigint): StoredLog {
    const log = this.disk.logs.get(groupId);
    if (log === undefined) throw new NotFoundError(`there is no log of group ${groupId}`);
    return log;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError('the manager');
  }
}
