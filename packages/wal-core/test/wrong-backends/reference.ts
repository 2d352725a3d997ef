/**
 * A correct back end in about two hundred lines: the log lies in maps in memory, as it would lie in
 * a key-value store. It is an example for those who write one, and what the wrong ones are made
 * from. "Durable" is what is in the `MemoryPlace`; a restart is a new manager on the same place.
 */
import {
  AlreadyExistsError,
  checkedGroupId,
  checkedIdentityRecord,
  checkedMetadata,
  checkExpectation,
  ClosedError,
  EntryStorage,
  EntryView,
  LockedError,
  LogState,
  NoSpaceError,
  NotFoundError,
  QueuedWal,
  RingCache,
  TermIndex,
  WalEventHub,
  type EntryReader,
  type GroupOptions,
  type LogStore,
  type OpenedWal,
  type PurgeReport,
  type ReplayOptions,
  type SavePlan,
  type TailReport,
  type WalCapabilities,
  type WalManager,
  type WalMetadata,
  type WalMetadataInput,
} from '@babuza/wal-core';
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

/** What is stored of one log. */
export interface StoredLog {
  readonly metadata: WalMetadata;
  baseIndex: number;
  baseTerm: number;
  readonly entries: Map<number, Entry>;
  hardState: HardState;
  markers: readonly SnapshotMetadata[];
}

/** The "disk". */
export class MemoryPlace {
  readonly logs = new Map<bigint, StoredLog>();
  readonly identities = new Map<bigint, Uint8Array>();
  owner: ReferenceManager | undefined;
  /** What the next write fails with. */
  nextFailure: 'no-space' | 'broken' | undefined;
}

/** What a store is made from. */
export type StoreParts = ConstructorParameters<typeof ReferenceStore>;

export class ReferenceStore implements LogStore, EntryReader {
  readonly stats = { syncs: 0, bytesWritten: 0, segments: 1 };
  protected readonly place: MemoryPlace;
  protected readonly log: StoredLog;
  protected readonly view: EntryView<TermIndex>;
  protected unsafeNoFsync = false;
  readonly #onClose: () => void;

  constructor(
    place: MemoryPlace,
    log: StoredLog,
    snapshot: SnapshotMetadata | undefined,
    onClose: () => void,
    cache: RingCache = new RingCache(),
  ) {
    this.place = place;
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

  /** The time that a write takes, and the failure that a test asked for. */
  protected async write(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    const failure = this.place.nextFailure;
    this.place.nextFailure = undefined;
    if (failure === 'no-space') throw new NoSpaceError('the test wants no space');
    if (failure === 'broken') throw new Error('the test wants a broken disk');
  }

  protected sync(): void {
    if (!this.unsafeNoFsync) this.stats.syncs += 1;
  }

  /** Steps and their order are those of the plan. */
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

/** What a log contains, from what is stored. */
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
  protected readonly place: MemoryPlace;
  readonly #open = new Map<bigint, QueuedWal>();
  #closing: Promise<void> | undefined;

  constructor(place: MemoryPlace, capabilities: WalCapabilities = referenceCapabilities) {
    this.place = place;
    this.capabilities = capabilities;
  }

  async hasExistingWal(options?: GroupOptions): Promise<boolean> {
    this.#checkOpen();
    return this.place.logs.has(checkedGroupId(options));
  }

  async createWal(input: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    this.#checkOpen();
    const groupId = checkedGroupId(options);
    const metadata = checkedMetadata(input, this.capabilities);
    this.checkOwner();
    if (this.place.logs.has(groupId)) {
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
    this.place.logs.set(groupId, log);
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
    return this.place.identities.get(checkedGroupId(options))?.slice();
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

  /** What makes the record durable. */
  protected keepIdentity(groupId: bigint, record: Uint8Array): void {
    this.place.identities.set(groupId, record);
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
    if (this.place.owner === this) this.place.owner = undefined;
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
    this.place.owner ??= this;
    if (this.place.owner !== this) throw new LockedError('another manager owns the place');
  }

  protected checkNotOpen(isOpen: boolean): void {
    if (isOpen) throw new LockedError('the log is open');
  }

  protected makeStore(
    log: StoredLog,
    snapshot: SnapshotMetadata | undefined,
    onClose: () => void,
  ): ReferenceStore {
    return new ReferenceStore(this.place, log, snapshot, onClose);
  }

  /** Where the wrong ones put something of theirs around a log. */
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
    const log = this.place.logs.get(groupId);
    if (log === undefined) throw new NotFoundError(`there is no log of group ${groupId}`);
    return log;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError('the manager');
  }
}
