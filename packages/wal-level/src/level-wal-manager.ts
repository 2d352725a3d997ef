/**
 * A directory with one database that holds the logs of all groups. The database is opened by the
 * first call that needs it and is this manager's alone until it is closed.
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
import { WitnessTeller, type Witness } from './witness.ts';

/** A batch is whole or absent, so there are no torn tails. */
const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };

interface OpenLog {
  readonly wal: QueuedWal;
  readonly state: LogState<TermIndex>;
  /** The database that it is in. */
  readonly shared: SharedDatabase;
}

export class LevelWalManager implements WalManager {
  readonly capabilities: WalCapabilities;
  readonly events: WalEventHub = new WalEventHub();
  readonly #kind: LevelStoreKind;
  readonly #directory: string;
  readonly #options: CheckedLevelOptions;
  readonly #witness: Witness | undefined;
  readonly #stored: StoredLogs;
  readonly #logs = new Map<bigint, OpenLog | 'opening'>();
  /** Calls under way: closing waits for them. */
  readonly #calls = new Set<Promise<unknown>>();
  /** The end of the last call about an identity record; it never rejects. */
  #identityTurn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(kind: LevelStoreKind, directory: string, options?: LevelWalOptions) {
    this.#kind = kind;
    this.#directory = directory;
    this.#options = checkedLevelOptions(options);
    this.#witness = kind.witness?.(directory);
    this.capabilities = kind.capabilities;
    const owner: LogOwner = {
      openGroups: () => this.#openLogs().map(({ wal }) => wal.groupId),
      poisonAll: (error) => {
        for (const { wal } of this.#openLogs()) wal.poison(error);
      },
    };
    const { events } = this;
    const witness = this.#witness;
    this.#stored = new StoredLogs({
      kind,
      directory,
      options: this.#options,
      witness,
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
      return this.#inIdentityTurn(() => this.#stored.readIdentity(keys));
    });
  }

  writeIdentity(bytes: Uint8Array, options?: GroupOptions): Promise<void> {
    return this.#whileOpen(async () => {
      const keys = new GroupKeys(checkedGroupId(options));
      const record = checkedIdentityRecord(bytes);
      return this.#inIdentityTurn(async () => {
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

  #openLogs(): OpenLog[] {
    return [...this.#logs.values()].filter((log) => log !== 'opening');
  }

  #locked(groupId: bigint): LockedError {
    return new LockedError(`the log of group ${groupId} in ${this.#directory} is open already`);
  }

  /** A database shows a record before it is durable: so a read waits for the write before it. */
  #inIdentityTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#identityTurn.then(work);
    this.#identityTurn = result.catch(() => undefined);
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
    // Where a crash came between a purge and its deletions.
    store.clearLeftovers();
    this.events.emit({ type: 'recovered', groupId: keys.groupId, tail: cleanTail });
    return opened;
  }

  #assemble(
    keys: GroupKeys,
    { shared, log: { metadata, state, testimony } }: FoundLog,
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

  #teller(groupId: bigint): WitnessTeller | undefined {
    const { clock } = this.#kind;
    if (this.#witness === undefined || clock === undefined) return undefined;
    return new WitnessTeller(this.#witness, clock, groupId);
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#calls);
    const results = await Promise.allSettled(this.#openLogs().map(({ wal }) => wal.close()));
    await this.#stored.close();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
