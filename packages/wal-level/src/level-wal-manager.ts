/**
 * Manages the logs of all groups in one database. The first call that needs the database opens it,
 * and this manager owns it until the manager is closed.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import {
  AlreadyExistsError,
  ClosedError,
  LockedError,
  NotFoundError,
  type GroupOptions,
  type OpenedWal,
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
  chosenSnapshot,
  EntryStorage,
  EntryView,
  QueuedWal,
  RingCache,
  WalEventHub,
  type LogState,
  type TermIndex,
} from '@babuza/wal-core/backend';
import type { LogOwner } from './database-holder.ts';
import type { LevelStoreKind } from './database.ts';
import { LevelEntryReader } from './entry-reader.ts';
import { GroupKeys } from './keys.ts';
import { LevelLog } from './level-wal.ts';
import { checkedLevelOptions, type CheckedLevelOptions, type LevelWalOptions } from './options.ts';
import type { SharedDatabase } from './shared-database.ts';
import { StoredLogs, type FoundLog } from './stored-logs.ts';
import { SyncRecordWriter, type SyncRecords } from './sync-record.ts';

/** A crash keeps a batch whole or not at all, so a log has no torn tail. */
const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };

interface OpenLog {
  readonly wal: QueuedWal;
  readonly state: LogState<TermIndex>;
  /** The database that holds the log. */
  readonly shared: SharedDatabase;
}

export class LevelWalManager implements WalManager {
  readonly capabilities: WalCapabilities;
  readonly events: WalEventHub = new WalEventHub();
  readonly #kind: LevelStoreKind;
  readonly #directory: string;
  readonly #options: CheckedLevelOptions;
  readonly #syncRecords: SyncRecords | undefined;
  readonly #stored: StoredLogs;
  readonly #logs = new Map<bigint, OpenLog | 'opening'>();
  /** The calls under way. Closing waits for them. */
  readonly #calls = new Set<Promise<unknown>>();
  /** Resolves when the last call about an identity record has ended. It never rejects. */
  #identityCalls: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(kind: LevelStoreKind, directory: string, options?: LevelWalOptions) {
    this.#kind = kind;
    this.#directory = directory;
    this.#options = checkedLevelOptions(options);
    this.#syncRecords = kind.syncRecords?.(directory);
    this.capabilities = kind.capabilities;
    const owner: LogOwner = {
      openGroups: () => this.#openLogs().map(({ wal }) => wal.groupId),
      poisonAll: (error) => {
        for (const { wal } of this.#openLogs()) wal.poison(error);
      },
    };
    const { events } = this;
    const syncRecords = this.#syncRecords;
    this.#stored = new StoredLogs({
      kind,
      directory,
      options: this.#options,
      syncRecords,
      events,
      owner,
    });
  }

  takeLock(): Promise<void> {
    return this.#whileOpen(() => this.#stored.takeLock());
  }

  hasExistingWal(options?: GroupOptions): Promise<boolean> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const open = this.#logs.get(groupId);
      if (open !== undefined && open !== 'opening') return true;
      return this.#stored.exists(new GroupKeys(groupId));
    });
  }

  createWal(input: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const metadata = checkedMetadata(input, this.capabilities);
      const open = this.#logs.get(groupId);
      if (open !== undefined && open !== 'opening') {
        throw new AlreadyExistsError(
          `a log of group ${groupId} exists in ${this.#directory} and is open`,
        );
      }
      return this.#opening(groupId, () => this.#create(new GroupKeys(groupId), metadata));
    });
  }

  findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const open = this.#logs.get(groupId);
      // A log that is being opened may write its first batch, which a reader would see half-way.
      if (open === 'opening') throw this.#locked(groupId);
      if (open !== undefined) return open.state.validMarkers();
      const { log } = await this.#stored.read(new GroupKeys(groupId));
      return log.state.validMarkers();
    });
  }

  replayWal(options: ReplayOptions = {}): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      return this.#opening(groupId, () => this.#replay(new GroupKeys(groupId), options));
    });
  }

  readIdentity(options?: GroupOptions): Promise<Uint8Array | undefined> {
    return this.#whileOpen(async () => {
      const keys = new GroupKeys(checkedGroupId(options));
      return this.#afterIdentityCalls(() => this.#stored.readIdentity(keys));
    });
  }

  writeIdentity(bytes: Uint8Array, options?: GroupOptions): Promise<void> {
    return this.#whileOpen(async () => {
      const keys = new GroupKeys(checkedGroupId(options));
      const record = checkedIdentityRecord(bytes);
      return this.#afterIdentityCalls(async () => {
        const open = this.#logs.get(keys.groupId);
        if (open === undefined || open === 'opening') throw await this.#notOpen(keys);
        if (open.wal.failure !== undefined) throw open.wal.failure;
        await this.#stored.writeIdentity(open.shared, keys, record);
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
    const call = work();
    this.#calls.add(call);
    const done = (): void => {
      this.#calls.delete(call);
    };
    call.then(done, done);
    return call;
  }

  /** Runs one opening of a group at a time. */
  async #opening(groupId: bigint, open: () => Promise<OpenedWal>): Promise<OpenedWal> {
    if (this.#logs.has(groupId)) throw this.#locked(groupId);
    this.#logs.set(groupId, 'opening');
    try {
      return await open();
    } finally {
      if (this.#logs.get(groupId) === 'opening') this.#logs.delete(groupId);
    }
  }

  #openLogs(): OpenLog[] {
    return [...this.#logs.values()].filter((log) => log !== 'opening');
  }

  #locked(groupId: bigint): LockedError {
    return new LockedError(
      `the log of group ${groupId} in ${this.#directory} is already open in this manager. Close it first`,
    );
  }

  /**
   * Runs the calls about identity records one after the other. The database shows a record before
   * it is durable, so a read has to wait for the write before it.
   */
  #afterIdentityCalls<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#identityCalls.then(work);
    this.#identityCalls = result.catch(() => undefined);
    return result;
  }

  async #notOpen(keys: GroupKeys): Promise<Error> {
    if (await this.#stored.exists(keys)) return new ClosedError(`the log of group ${keys.groupId}`);
    return new NotFoundError(`there is no log of group ${keys.groupId} in ${this.#directory}`);
  }

  async #create(keys: GroupKeys, metadata: WalMetadata): Promise<OpenedWal> {
    const { opened } = this.#assemble(keys, await this.#stored.create(keys, metadata), undefined);
    this.events.emit({ type: 'recovered', groupId: keys.groupId, tail: cleanTail });
    return opened;
  }

  async #replay(keys: GroupKeys, options: ReplayOptions): Promise<OpenedWal> {
    const found = await this.#stored.read(keys);
    const { log } = found;
    checkExpectation(this.#directory, log.metadata, options.expect);
    const markers = log.state.validMarkers();
    const snapshot = chosenSnapshot(this.#directory, markers, options.snapshot);
    const { wal, store, opened } = this.#assemble(keys, found, snapshot);
    if (options.discardUncommitted === true) {
      try {
        await wal.discardUncommitted(snapshot?.index ?? 0);
      } catch (error) {
        await wal.close().catch(() => undefined);
        throw error;
      }
    }
    // A crash between a purge and its deletions leaves entries below the start.
    store.clearLeftovers();
    this.events.emit({ type: 'recovered', groupId: keys.groupId, tail: cleanTail });
    return opened;
  }

  #assemble(
    keys: GroupKeys,
    { shared, log: { metadata, state, logDigest } }: FoundLog,
    snapshot: SnapshotMetadata | undefined,
  ): { wal: QueuedWal; store: LevelLog; opened: OpenedWal } {
    shared.throwIfFailed();
    const { groupId } = keys;
    const { events } = this;
    const reader = new LevelEntryReader(shared.database, keys, state.index, this.#directory);
    const view = new EntryView(state, new RingCache(this.#options.cache), reader, snapshot);
    const store = new LevelLog({
      kind: this.#kind,
      shared,
      directory: this.#directory,
      keys,
      view,
      reader,
      logDigest,
      syncRecord: this.#syncRecordWriter(groupId),
      onClosed: () => this.#logs.delete(groupId),
    });
    const wal = new QueuedWal({
      groupId,
      view,
      store,
      events,
      clock: this.#kind.clock,
      lock: shared.lock,
      entryBytesMax: metadata.entryBytesMax,
      cloneTerms: () => state.index.clone(),
    });
    this.#logs.set(groupId, { wal, state, shared });
    const opened = {
      wal,
      storage: new EntryStorage(view),
      metadata,
      hardState: state.hardState,
      snapshots: state.validMarkers(),
      tail: cleanTail,
    };
    return { wal, store, opened };
  }

  #syncRecordWriter(groupId: bigint): SyncRecordWriter | undefined {
    const { clock } = this.#kind;
    if (this.#syncRecords === undefined || clock === undefined) return undefined;
    return new SyncRecordWriter(this.#syncRecords, clock, groupId);
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#calls);
    const results = await Promise.allSettled(this.#openLogs().map(({ wal }) => wal.close()));
    await this.#stored.close();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
