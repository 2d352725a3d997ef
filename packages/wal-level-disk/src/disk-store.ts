/**
 * LevelDB as a store for logs: its directory, when a database may be created, how a purge frees
 * space, and how batches without sync become durable.
 *
 * LevelDB creates a new database whenever the file `CURRENT` is missing, and removes the tables
 * that it finds there. So it may create one only in a directory without data.
 */
import { join } from 'node:path';
import { CorruptError, ForeignFileError, type WalCapabilities } from '@babuza/wal-core';
import { invariant } from '@babuza/wal-core/backend';
import {
  bytesOnly,
  type EventLoopClock,
  type KeyRange,
  type LevelDatabase,
  type LevelOperation,
  type LevelStoreKind,
  type DatabaseLock,
  type Reclaimed,
  type SyncRecords,
} from '@babuza/wal-level';
import { GuardedFileSystem, type FileSystem } from '@babuza/vfs';
import { refuseOtherKinds } from '@babuza/wal-files';
import { translated, translating } from './file-errors.ts';
import { FileModes } from './file-modes.ts';
import { databaseIn, holdsData, syncRecordsIn } from './layout.ts';
import type { ClassicLevelClass } from './load-classic-level.ts';
import type { CheckedDiskOptions } from './options.ts';
import { checkTables } from './table-check.ts';
import { LevelWalDisk } from './wal-type.ts';
import { SyncRecordFiles } from './sync-record-files.ts';

export class DiskStore implements LevelStoreKind {
  readonly capabilities: WalCapabilities;
  readonly syncs = true;
  readonly clock: EventLoopClock;
  readonly #ClassicLevel: ClassicLevelClass;
  readonly #options: CheckedDiskOptions;
  readonly #files: FileSystem;
  /** The file modes of the open database. */
  #modes: FileModes | undefined;

  constructor(
    ClassicLevel: ClassicLevelClass,
    capabilities: WalCapabilities,
    options: CheckedDiskOptions,
  ) {
    this.#ClassicLevel = ClassicLevel;
    this.capabilities = capabilities;
    this.#options = options;
    this.#files = new GuardedFileSystem(options.environment.fileSystem);
    this.clock = options.environment.clock;
  }

  readonly syncRecords = (directory: string): SyncRecords =>
    new SyncRecordFiles(syncRecordsIn(directory), this.#files);

  /** Rejects with `WAL_FOREIGN` if the directory holds a log of another kind. */
  checkDirectory(directory: string): Promise<void> {
    return translating(() => refuseOtherKinds(this.#files, directory, LevelWalDisk));
  }

  exists(directory: string): Promise<boolean> {
    return translating(async () => {
      const database = databaseIn(directory);
      if ((await this.#files.kindOf(database)) === undefined) return false;
      const entries = await this.#files.list(database);
      if (entries.some(({ name }) => name === 'CURRENT')) return true;
      const data = entries.find(({ name }) => holdsData(name));
      if (data === undefined) return false;
      throw new CorruptError(
        `${database} holds the data file ${data.name}, but LevelDB's file CURRENT is missing. Nothing was changed. Restore CURRENT or the whole database`,
        {
          groupId: 0n,
          file: database,
          verdict: 'missing-current',
        },
      );
    });
  }

  /**
   * Takes the lock of the directory that logs of all kinds use. LevelDB's own lock on `db/LOCK` is
   * not enough: its owner does not learn that somebody removed the file.
   */
  async lock(directory: string): Promise<DatabaseLock> {
    await translating(() => this.#files.makeDirectory(directory));
    const lock = await translating(() => this.#files.lock(directory));
    return {
      isFresh: () => lock.isFresh(),
      confirm: () => translating(() => lock.confirm()),
      onLost: (listener) => {
        lock.onLost((error) => {
          listener(translated(error));
        });
      },
      release: () => translating(() => lock.release()),
    };
  }

  /**
   * Opens or creates the database. The caller holds the lock of the directory, so two kinds of logs
   * are never created there at the same time.
   */
  async open(directory: string): Promise<LevelDatabase> {
    if (await this.exists(directory)) return this.#open(directory, false);
    await translating(() => this.#files.makeDirectory(directory));
    return this.#create(directory);
  }

  /**
   * Creates the database. The checks run again because another process may have created a log
   * before this one took the lock.
   */
  async #create(directory: string): Promise<LevelDatabase> {
    await this.checkDirectory(directory);
    const createIfMissing = !(await this.exists(directory));
    // After this call the name of LevelDB's directory is durable.
    await translating(() => this.#files.makeDirectory(databaseIn(directory)));
    return this.#open(directory, createIfMissing);
  }

  async #open(directory: string, createIfMissing: boolean): Promise<LevelDatabase> {
    const { compression, writeBufferBytes, blockCacheBytes, blockBytes } = this.#options;
    const { tableBytes, openTablesMax } = this.#options;
    const location = databaseIn(directory);
    await this.#refuseOthersThanFiles(location);
    const database = new this.#ClassicLevel<Uint8Array, Uint8Array>(location, {
      ...bytesOnly,
      createIfMissing,
      compression,
      writeBufferSize: writeBufferBytes,
      cacheSize: blockCacheBytes,
      blockSize: blockBytes,
      maxFileSize: tableBytes,
      maxOpenFiles: openTablesMax,
    });
    const modes = new FileModes(this.#files, this.clock, location);
    try {
      await database.open();
    } finally {
      // A failed opening may have created files, too.
      await modes.restrict();
    }
    this.#modes = modes;
    try {
      const tables = database.getProperty('leveldb.sstables');
      const { verifyOnOpen } = this.#options;
      await translating(() => checkTables(this.#files, location, tables, verifyOnOpen));
      return database;
    } catch (error) {
      await this.close(database);
      throw error;
    }
  }

  /**
   * Refuses links and special files. LevelDB opens its files itself: it follows a link, and a FIFO
   * would block it for ever.
   */
  async #refuseOthersThanFiles(location: string): Promise<void> {
    const entries = await translating(() => this.#files.list(location));
    const other = entries.find(({ kind }) => kind === 'other');
    if (other === undefined) return;
    throw new ForeignFileError(
      join(location, other.name),
      'is not a regular file, and LevelDB would follow or block on it. Nothing was changed. Find out who put it there, and move it out of the directory',
    );
  }

  async close(database: LevelDatabase): Promise<void> {
    await database.close();
    await this.#modes?.close();
  }

  /**
   * Writes a chained batch, which reaches LevelDB with fewer copies than an array of operations.
   */
  async write(
    database: LevelDatabase,
    operations: readonly LevelOperation[],
    sync: boolean,
  ): Promise<void> {
    invariant(database instanceof this.#ClassicLevel, 'the database is the one that was opened');
    const batch = database.batch();
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write({ sync });
    this.#modes?.noticeWrite();
  }

  /**
   * Compacts a purged range. LevelDB keeps deleted entries until it compacts the tables that hold
   * them. A purge asks for that once the deleted entries in the range, including those of earlier
   * purges, are large enough.
   */
  async reclaim(database: LevelDatabase, { gte, lt }: KeyRange): Promise<Reclaimed> {
    invariant(database instanceof this.#ClassicLevel, 'the database is the one that was opened');
    const takes = await database.approximateSize(gte, lt, bytesOnly);
    const { compactPurgedBytes } = this.#options;
    if (takes < compactPurgedBytes) {
      const heldBy = `LevelDB frees deleted entries when it compacts its tables. A purge compacts from ${compactPurgedBytes} bytes on (compactPurgedBytes), and the purged entries take ${takes} bytes`;
      return { bytesFreed: 0, heldBy };
    }
    const before = await this.#bytesOfData(database.location);
    await database.compactRange(gte, lt, bytesOnly);
    await this.#modes?.restrict();
    const after = await this.#bytesOfData(database.location);
    // Saves that run meanwhile take new space.
    return { bytesFreed: Math.max(0, before - after) };
  }

  /**
   * Makes all batches durable. A sync of LevelDB covers only its newest log file. Batches without
   * sync may be in an older one, or on their way into a table. A compaction, here of an empty
   * range, writes them to a table with a sync.
   */
  async flush(database: LevelDatabase): Promise<void> {
    invariant(database instanceof this.#ClassicLevel, 'the database is the one that was opened');
    const nothing = new Uint8Array(0);
    await database.compactRange(nothing, nothing, bytesOnly);
    await this.#modes?.restrict();
  }

  /** The size of LevelDB's logs and tables. `LOCK` is never opened, see `layout.ts`. */
  async #bytesOfData(location: string): Promise<number> {
    let bytes = 0;
    for (const { name } of await this.#files.list(location)) {
      if (holdsData(name)) bytes += await this.#sizeOf(join(location, name));
    }
    return bytes;
  }

  async #sizeOf(path: string): Promise<number> {
    // LevelDB may remove files while they are counted.
    const file = await this.#files.open(path, 'read').catch(() => undefined);
    try {
      return (await file?.size()) ?? 0;
    } finally {
      await file?.close();
    }
  }
}
