/**
 * A directory with one database that holds the logs of all groups. The database is opened by the first
 * call that needs it and is this manager's alone until it is closed.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import {
  AlreadyExistsError,
  checkedGroupId,
  checkedMetadata,
  checkExpectation,
  chosenSnapshot,
  ClosedError,
  CorruptError,
  EntryStorage,
  EntryView,
  ForeignFileError,
  InvalidArgumentError,
  LockedError,
  LogState,
  NotFoundError,
  QueuedWal,
  RingCache,
  TermIndex,
  WalEventHub,
  type GroupOptions,
  type OpenedWal,
  type ReplayOptions,
  type TailReport,
  type WalCapabilities,
  type WalManager,
  type WalMetadata,
  type WalMetadataInput,
} from '@babuza/wal-core';
import { stateRecordOf } from './batches.ts';
import { hasLog, readLog, type StoredLog } from './continuity.ts';
import {
  bytesOnly,
  pages,
  type LevelDatabase,
  type LevelOperation,
  type LevelStoreKind,
} from './database.ts';
import { LevelEntryReader } from './entry-reader.ts';
import { describeKey, GroupKeys, parseKey } from './keys.ts';
import { readFailure, writeFailure } from './level-errors.ts';
import { LevelLog, writeBatch } from './level-wal.ts';
import { checkedLevelOptions, type CheckedLevelOptions, type LevelWalOptions } from './options.ts';
import { emptyTestimony } from './testimony.ts';
import { encodeHeader, encodeState } from './values.ts';
import { WitnessTeller, type Witness } from './witness.ts';

/** A batch is whole or absent, so there are no torn tails. */
const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };

interface OpenLog {
  readonly wal: QueuedWal;
  readonly state: LogState<TermIndex>;
}

export class LevelWalManager implements WalManager {
  readonly capabilities: WalCapabilities;
  readonly events: WalEventHub = new WalEventHub();
  readonly #kind: LevelStoreKind;
  readonly #directory: string;
  readonly #options: CheckedLevelOptions;
  readonly #witness: Witness | undefined;
  #database: Promise<LevelDatabase> | undefined;
  readonly #logs = new Map<bigint, OpenLog | 'opening'>();
  /** Calls under way: closing waits for them. */
  readonly #calls = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(kind: LevelStoreKind, directory: string, options?: LevelWalOptions) {
    this.#kind = kind;
    this.#directory = directory;
    this.#options = checkedLevelOptions(options);
    this.#witness = kind.witness?.(directory);
    this.capabilities = kind.capabilities;
  }

  hasExistingWal(options?: GroupOptions): Promise<boolean> {
    return this.#whileOpen(async () => {
      const keys = new GroupKeys(checkedGroupId(options));
      // Without the database, and so also while somebody else has it open.
      if ((await this.#recall(keys)) > 0) return true;
      const database = await this.#existingDatabase();
      return database !== undefined && (await this.#reading(keys, () => hasLog(database, keys)));
    });
  }

  createWal(input: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const metadata = checkedMetadata(input, this.capabilities);
      const open = this.#logs.get(groupId);
      if (open !== undefined && open !== 'opening') {
        throw new AlreadyExistsError(`the log of group ${groupId} exists, and is open`);
      }
      return this.#opening(groupId, () => this.#create(new GroupKeys(groupId), metadata));
    });
  }

  findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      const open = this.#logs.get(groupId);
      // A log that is being written is not read from outside: it would be seen in between.
      if (open === 'opening') throw this.#locked(groupId);
      if (open !== undefined) return open.state.validMarkers();
      const { log } = await this.#read(new GroupKeys(groupId));
      return log.state.validMarkers();
    });
  }

  replayWal(options: ReplayOptions = {}): Promise<OpenedWal> {
    return this.#whileOpen(async () => {
      const groupId = checkedGroupId(options);
      return this.#opening(groupId, () => this.#replay(new GroupKeys(groupId), options));
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

  /** One opening of a group at a time. */
  async #opening(groupId: bigint, open: () => Promise<OpenedWal>): Promise<OpenedWal> {
    if (this.#logs.has(groupId)) throw this.#locked(groupId);
    this.#logs.set(groupId, 'opening');
    try {
      return await open();
    } finally {
      if (this.#logs.get(groupId) === 'opening') this.#logs.delete(groupId);
    }
  }

  #locked(groupId: bigint): LockedError {
    return new LockedError(`the log of group ${groupId} in ${this.#directory} is open already`);
  }

  async #create(keys: GroupKeys, metadata: WalMetadata): Promise<OpenedWal> {
    const remembered = await this.#recall(keys);
    const database = await this.#openDatabase();
    await this.#reading(keys, async () => {
      if (remembered > 0 || (await hasLog(database, keys))) {
        throw new AlreadyExistsError(
          `there is a log of group ${keys.groupId} in ${this.#directory} already`,
        );
      }
      await this.#refuseForeign(database);
    });
    const state = new LogState(new TermIndex());
    const testimony = emptyTestimony;
    const { header, state: stateKey } = keys;
    const record = stateRecordOf(state, testimony);
    try {
      // Durable after it: the log exists. A crash just before leaves nothing of it.
      const puts: LevelOperation[] = [
        { type: 'put', key: header, value: encodeHeader(header, metadata) },
        { type: 'put', key: stateKey, value: encodeState(stateKey, record) },
      ];
      await writeBatch(this.#kind, database, puts, this.#kind.syncs);
      await this.#witness?.remember(keys.groupId, testimony.batch ?? 0, true);
    } catch (error) {
      throw writeFailure(error, this.#directory);
    }
    const { opened } = this.#assemble(database, keys, { metadata, state, testimony }, undefined);
    this.events.emit({ type: 'recovered', groupId: keys.groupId, tail: cleanTail });
    return opened;
  }

  async #replay(keys: GroupKeys, options: ReplayOptions): Promise<OpenedWal> {
    const { database, log } = await this.#read(keys);
    checkExpectation(this.#directory, log.metadata, options.expect);
    const markers = log.state.validMarkers();
    const snapshot = chosenSnapshot(this.#directory, markers, options.snapshot);
    const { wal, store, opened } = this.#assemble(database, keys, log, snapshot);
    if (options.discardUncommitted === true) {
      try {
        await wal.discardUncommitted(snapshot?.index ?? 0);
      } catch (error) {
        await wal.close().catch(() => undefined);
        throw error;
      }
    }
    // Where a crash came between a purge and its deletions.
    store.clearLeftovers();
    this.events.emit({ type: 'recovered', groupId: keys.groupId, tail: cleanTail });
    return opened;
  }

  #assemble(
    database: LevelDatabase,
    keys: GroupKeys,
    { metadata, state, testimony }: StoredLog,
    snapshot: SnapshotMetadata | undefined,
  ): { wal: QueuedWal; store: LevelLog; opened: OpenedWal } {
    const { groupId } = keys;
    const { events } = this;
    const reader = new LevelEntryReader(database, keys, state.index, this.#directory);
    const view = new EntryView(state, new RingCache(this.#options.cache), reader, snapshot);
    const store = new LevelLog({
      kind: this.#kind,
      database,
      directory: this.#directory,
      keys,
      view,
      reader,
      testimony,
      witness: this.#teller(groupId),
      onClosed: () => this.#logs.delete(groupId),
    });
    const wal = new QueuedWal({
      groupId,
      view,
      store,
      events,
      clock: this.#kind.clock,
      entryBytesMax: metadata.entryBytesMax,
      cloneTerms: () => state.index.clone(),
    });
    this.#logs.set(groupId, { wal, state });
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

  #teller(groupId: bigint): WitnessTeller | undefined {
    const { clock } = this.#kind;
    if (this.#witness === undefined || clock === undefined) return undefined;
    return new WitnessTeller(this.#witness, clock, groupId);
  }

  async #read(keys: GroupKeys): Promise<{ database: LevelDatabase; log: StoredLog }> {
    const remembered = await this.#recall(keys);
    const database = await this.#existingDatabase();
    const { verifyOnOpen } = this.#options;
    const log =
      database &&
      (await this.#reading(keys, () => readLog(database, keys, this.#directory, verifyOnOpen)));
    this.#missLostBatches(keys, remembered, log);
    if (database === undefined || log === undefined) {
      throw new NotFoundError(`there is no log of group ${keys.groupId} in ${this.#directory}`);
    }
    return { database, log };
  }

  /** The number of the newest batch that the witness knows to have been durable; 0: it knows nothing. */
  async #recall({ groupId }: GroupKeys): Promise<number> {
    if (this.#witness === undefined) return 0;
    const { events } = this;
    const recollection = await this.#witness.recall(groupId);
    if (recollection.kind === 'batch') return recollection.batch;
    if (recollection.kind === 'damaged') {
      const what = 'the witness of what was durable is damaged, and is written anew';
      events.emit({ type: 'repaired', groupId, file: recollection.file, what });
    }
    return 0;
  }

  /** What was durable and is not there any more was lost, however whole the rest looks. */
  #missLostBatches({ groupId }: GroupKeys, remembered: number, log: StoredLog | undefined): void {
    const found = log === undefined ? 0 : log.testimony.batch;
    if (found === undefined || found >= remembered) return;
    const details = { groupId, file: this.#directory, verdict: 'lost-batches' };
    const lost = remembered - found;
    throw new CorruptError(
      `the log of group ${groupId}: the database has lost the newest ${lost} batches at least: it has ${found}, and ${remembered} were durable`,
      log === undefined ? details : { ...details, firstIndex: log.state.hardState.commit + 1 },
    );
  }

  /** A database with keys that no log has is somebody else's. The first and the last one tell. */
  async #refuseForeign(database: LevelDatabase): Promise<void> {
    for (const reverse of [false, true]) {
      const iterator = database.keys({ ...bytesOnly, reverse, limit: 1 });
      for await (const page of pages(iterator)) {
        for (const key of page) {
          if (parseKey(key) !== undefined) continue;
          const message = `the database holds something else than logs: ${describeKey(key)}`;
          throw new ForeignFileError(this.#directory, message);
        }
      }
    }
  }

  async #existingDatabase(): Promise<LevelDatabase | undefined> {
    if (this.#database !== undefined) return this.#database;
    try {
      if (!(await this.#kind.exists(this.#directory))) return undefined;
    } catch (error) {
      throw readFailure(error, this.#directory);
    }
    return this.#openDatabase();
  }

  #openDatabase(): Promise<LevelDatabase> {
    this.#database ??= this.#openSuitable().catch((error: unknown) => {
      this.#database = undefined;
      throw readFailure(error, this.#directory);
    });
    return this.#database;
  }

  async #openSuitable(): Promise<LevelDatabase> {
    const database = await this.#kind.open(this.#directory);
    if (database.supports.explicitSnapshots) return database;
    await database.close();
    throw new InvalidArgumentError('the database must support explicit snapshots');
  }

  async #reading<Result>(keys: GroupKeys, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw readFailure(error, this.#directory, keys.groupId);
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#calls);
    const logs = [...this.#logs.values()].filter((log) => log !== 'opening');
    const results = await Promise.allSettled(logs.map(({ wal }) => wal.close()));
    const database = await this.#database;
    try {
      await database?.close();
    } catch (error) {
      throw readFailure(error, this.#directory);
    }
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
