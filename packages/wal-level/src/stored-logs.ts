/**
 * The logs in the database of a manager: finds, creates and reads them, and compares each with its
 * sync record. Logs that are open are the business of `LevelWalManager`.
 */
import {
  AlreadyExistsError,
  CorruptError,
  ForeignFileError,
  NotFoundError,
  type WalMetadata,
} from '@babuza/wal-core';
import { LogState, TermIndex, type WalEventHub } from '@babuza/wal-core/backend';
import { stateRecordOf } from './batches.ts';
import { hasLog, readLog, type StoredLog } from './read-log.ts';
import { DatabaseHolder, type LogOwner } from './database-holder.ts';
import {
  bytesOnly,
  pages,
  type LevelDatabase,
  type LevelOperation,
  type LevelStoreKind,
} from './database.ts';
import { identityBatch, readIdentityRecord } from './identity-record.ts';
import { describeKey, parseKey, type GroupKeys } from './keys.ts';
import { readFailure, writeFailure } from './level-errors.ts';
import type { CheckedLevelOptions } from './options.ts';
import type { SharedDatabase } from './shared-database.ts';
import { emptyLogDigest } from './log-digest.ts';
import { encodeHeader, encodeState } from './values.ts';
import type { SyncRecords } from './sync-record.ts';

/** A log that was read or created, and the database that holds it. */
export interface FoundLog {
  readonly shared: SharedDatabase;
  readonly log: StoredLog;
}

export interface StoredLogsParts {
  readonly kind: LevelStoreKind;
  readonly directory: string;
  readonly options: CheckedLevelOptions;
  readonly syncRecords: SyncRecords | undefined;
  readonly events: WalEventHub;
  readonly owner: LogOwner;
}

export class StoredLogs {
  readonly #parts: StoredLogsParts;
  readonly #databases: DatabaseHolder;

  constructor(parts: StoredLogsParts) {
    this.#parts = parts;
    this.#databases = new DatabaseHolder(parts.kind, parts.directory, parts.owner);
  }

  /** Opens an existing database, which takes its lock. */
  async takeLock(): Promise<void> {
    await this.#databases.existing();
  }

  async exists(keys: GroupKeys): Promise<boolean> {
    await this.#databases.checkDirectory();
    // The sync record answers without the database, and so even while another process has it open.
    if ((await this.#readSyncRecord(keys)) > 0) return true;
    const shared = await this.#databases.existing();
    if (shared === undefined) return false;
    return this.#using(shared, keys, () => hasLog(shared.database, keys));
  }

  async create(keys: GroupKeys, metadata: WalMetadata): Promise<FoundLog> {
    const { kind, directory, syncRecords } = this.#parts;
    await this.#databases.checkDirectory();
    // This check comes before the database is created. A database that is missing must stay
    // missing, so that the operator can look for it.
    if ((await this.#readSyncRecord(keys)) > 0) throw this.#alreadyExists(keys);
    await this.#refuseMissingDatabase(keys);
    const shared = await this.#databases.open();
    const { database } = shared;
    const state = new LogState(new TermIndex());
    const log: StoredLog = { metadata, state, logDigest: emptyLogDigest };
    await this.#using(shared, keys, async () => {
      if (await hasLog(database, keys)) throw this.#alreadyExists(keys);
      await this.#refuseForeign(database);
      const operations = firstOperations(keys, log);
      const bytes = operations.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      try {
        // After this write the log durably exists. A crash before it leaves nothing of the log.
        await shared.write({ operations, bytes }, kind.syncs);
        await syncRecords?.write(keys.groupId, emptyLogDigest.batch, true);
      } catch (error) {
        throw writeFailure(error, directory);
      }
    });
    return { shared, log };
  }

  async read(keys: GroupKeys): Promise<FoundLog> {
    const { directory, options } = this.#parts;
    await this.#databases.checkDirectory();
    const recorded = await this.#readSyncRecord(keys);
    const shared = await this.#databases.existing();
    const log =
      shared &&
      (await this.#using(shared, keys, () =>
        readLog(shared.database, keys, directory, options.verifyOnOpen),
      ));
    this.#refuseLostBatches(keys, recorded, log);
    if (shared === undefined || log === undefined) {
      throw new NotFoundError(`there is no log of group ${keys.groupId} in ${directory}`);
    }
    return { shared, log };
  }

  /** Reads the identity record of a log, whether or not the log is open. */
  async readIdentity(keys: GroupKeys): Promise<Uint8Array | undefined> {
    const shared = await this.#databases.existing();
    if (shared === undefined) return undefined;
    const { database } = shared;
    return this.#using(shared, keys, () =>
      readIdentityRecord(database, keys, this.#parts.directory),
    );
  }

  /** Replaces the identity record of a log that is open in this database. */
  async writeIdentity(shared: SharedDatabase, keys: GroupKeys, bytes: Uint8Array): Promise<void> {
    // After this write the new record is durable. A crash before it leaves the old one.
    await shared.write(identityBatch(keys, bytes), this.#parts.kind.syncs);
  }

  /** Closes the database. The caller makes sure that no call is under way and no log is open. */
  close(): Promise<void> {
    return this.#databases.close();
  }

  async #using<Result>(
    shared: SharedDatabase,
    { groupId }: GroupKeys,
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await shared.use(work);
    } catch (error) {
      throw readFailure(error, this.#parts.directory, groupId);
    }
  }

  #alreadyExists({ groupId }: GroupKeys): AlreadyExistsError {
    const { directory } = this.#parts;
    return new AlreadyExistsError(`there is a log of group ${groupId} in ${directory} already`);
  }

  /** The number of the newest durable batch according to the sync record, or 0 without a record. */
  async #readSyncRecord({ groupId }: GroupKeys): Promise<number> {
    const { syncRecords, events } = this.#parts;
    if (syncRecords === undefined) return 0;
    const stored = await syncRecords.read(groupId);
    if (stored.kind === 'absent') return 0;
    if (stored.kind === 'batch') return stored.batch;
    const what = 'the sync record is damaged, and the next write replaces it';
    events.emit({ type: 'repaired', groupId, file: stored.file, what });
    // The record is first written after the log was created, so the log had at least that batch.
    return emptyLogDigest.batch;
  }

  /**
   * Refuses to create a database while a sync record of any group exists. The logs of that group
   * were lost with the old database, and a new one would hide the loss.
   */
  async #refuseMissingDatabase({ groupId }: GroupKeys): Promise<void> {
    const { syncRecords, directory } = this.#parts;
    if (syncRecords === undefined || (await this.#databases.exists())) return;
    if (!(await syncRecords.hasAny())) return;
    throw new CorruptError(
      `there is no database in ${directory}, but its sync records name logs that were in it. Nothing was created. Restore the database, or remove the folder of the sync records to start anew`,
      { groupId, file: directory, verdict: 'missing-database' },
    );
  }

  /**
   * Refuses a log whose newest batch is older than its sync record. It has lost durable batches,
   * even if everything that is left is consistent.
   */
  #refuseLostBatches({ groupId }: GroupKeys, recorded: number, log: StoredLog | undefined): void {
    const found = log === undefined ? 0 : log.logDigest.batch;
    if (found === undefined || found >= recorded) return;
    const details = { groupId, file: this.#parts.directory, verdict: 'lost-batches' };
    const lost = recorded - found;
    throw new CorruptError(
      `the log of group ${groupId}: the database has lost at least the newest ${lost} batches: it has ${found}, but the sync record says that ${recorded} were durable. Nothing was changed. Restore the database, or rebuild this node from the other members`,
      log === undefined ? details : { ...details, firstIndex: log.state.hardState.commit + 1 },
    );
  }

  /**
   * Refuses a database whose first or last key is not a key of a log: it belongs to something else.
   */
  async #refuseForeign(database: LevelDatabase): Promise<void> {
    for (const reverse of [false, true]) {
      const iterator = database.keys({ ...bytesOnly, reverse, limit: 1 });
      for await (const page of pages(iterator)) {
        for (const key of page) {
          if (parseKey(key) !== undefined) continue;
          const message = `the database belongs to something else: ${describeKey(key)} is not a key of a log. Nothing was changed. Use another directory`;
          throw new ForeignFileError(this.#parts.directory, message);
        }
      }
    }
  }
}

/** The operations that create an empty log. */
function firstOperations(
  { header, state }: GroupKeys,
  log: StoredLog,
): Extract<LevelOperation, { type: 'put' }>[] {
  const record = stateRecordOf(log.state, log.logDigest);
  return [
    { type: 'put', key: header, value: encodeHeader(header, log.metadata) },
    { type: 'put', key: state, value: encodeState(state, record) },
  ];
}
