/**
 * The logs as they are stored: whether there is one, making one, reading one to open it, and
 * whether the database still has what its witness knows. What happens to a log that is open is not
 * known here.
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
import { hasLog, readLog, type StoredLog } from './continuity.ts';
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
import { emptyTestimony } from './testimony.ts';
import { encodeHeader, encodeState } from './values.ts';
import type { Witness } from './witness.ts';

/** A log as it was found or made, and where. */
export interface FoundLog {
  readonly shared: SharedDatabase;
  readonly log: StoredLog;
}

export interface StoredLogsParts {
  readonly kind: LevelStoreKind;
  readonly directory: string;
  readonly options: CheckedLevelOptions;
  readonly witness: Witness | undefined;
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

  /** Opens the database, where there is one: that takes its lock. */
  async takeLock(): Promise<void> {
    await this.#databases.existing();
  }

  async exists(keys: GroupKeys): Promise<boolean> {
    await this.#databases.checkDirectory();
    // Without the database, and so also while somebody else has it open.
    if ((await this.#recall(keys)) > 0) return true;
    const shared = await this.#databases.existing();
    if (shared === undefined) return false;
    return this.#using(shared, keys, () => hasLog(shared.database, keys));
  }

  async create(keys: GroupKeys, metadata: WalMetadata): Promise<FoundLog> {
    const { kind, directory, witness } = this.#parts;
    await this.#databases.checkDirectory();
    // Before the database is made: one that is missing stays missing, for people to look for it.
    if ((await this.#recall(keys)) > 0) throw this.#alreadyExists(keys);
    await this.#missDatabase(keys);
    const shared = await this.#databases.open();
    const { database } = shared;
    const state = new LogState(new TermIndex());
    const log: StoredLog = { metadata, state, testimony: emptyTestimony };
    await this.#using(shared, keys, async () => {
      if (await hasLog(database, keys)) throw this.#alreadyExists(keys);
      await this.#refuseForeign(database);
      const operations = firstOperations(keys, log);
      const bytes = operations.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      try {
        // Durable after it: the log exists. A crash just before leaves nothing of it.
        await shared.write({ operations, bytes }, kind.syncs);
        await witness?.remember(keys.groupId, emptyTestimony.batch, true);
      } catch (error) {
        throw writeFailure(error, directory);
      }
    });
    return { shared, log };
  }

  async read(keys: GroupKeys): Promise<FoundLog> {
    const { directory, options } = this.#parts;
    await this.#databases.checkDirectory();
    const remembered = await this.#recall(keys);
    const shared = await this.#databases.existing();
    const log =
      shared &&
      (await this.#using(shared, keys, () =>
        readLog(shared.database, keys, directory, options.verifyOnOpen),
      ));
    this.#missLostBatches(keys, remembered, log);
    if (shared === undefined || log === undefined) {
      throw new NotFoundError(`there is no log of group ${keys.groupId} in ${directory}`);
    }
    return { shared, log };
  }

  /** The identity record of a log, open or not. */
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
    // Durable after it: the new record. A crash just before leaves the old one.
    await shared.write(identityBatch(keys, bytes), this.#parts.kind.syncs);
  }

  /** For when no call is under way and no log is open. */
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

  /**
   * The number of the newest batch that the witness knows to have been durable; 0: it knows
   * nothing.
   */
  async #recall({ groupId }: GroupKeys): Promise<number> {
    const { witness, events } = this.#parts;
    if (witness === undefined) return 0;
    const recollection = await witness.recall(groupId);
    if (recollection.kind === 'nothing') return 0;
    if (recollection.kind === 'batch') return recollection.batch;
    const what = 'the witness of what was durable is damaged, and is written anew';
    events.emit({ type: 'repaired', groupId, file: recollection.file, what });
    // It was first told when the log had been created.
    return emptyTestimony.batch;
  }

  /** Logs of other groups that have a witness and no database were lost: no new one hides that. */
  async #missDatabase({ groupId }: GroupKeys): Promise<void> {
    const { witness, directory } = this.#parts;
    if (witness === undefined || (await this.#databases.exists())) return;
    if (!(await witness.knowsAny())) return;
    throw new CorruptError(
      `there is no database in ${directory}, and a witness knows of logs that were in it`,
      { groupId, file: directory, verdict: 'missing-database' },
    );
  }

  /** What was durable and is not there any more was lost, however whole the rest looks. */
  #missLostBatches({ groupId }: GroupKeys, remembered: number, log: StoredLog | undefined): void {
    const found = log === undefined ? 0 : log.testimony.batch;
    if (found === undefined || found >= remembered) return;
    const details = { groupId, file: this.#parts.directory, verdict: 'lost-batches' };
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
          throw new ForeignFileError(this.#parts.directory, message);
        }
      }
    }
  }
}

/** What makes an empty log. */
function firstOperations(
  { header, state }: GroupKeys,
  log: StoredLog,
): Extract<LevelOperation, { type: 'put' }>[] {
  const record = stateRecordOf(log.state, log.testimony);
  return [
    { type: 'put', key: header, value: encodeHeader(header, log.metadata) },
    { type: 'put', key: state, value: encodeState(state, record) },
  ];
}
