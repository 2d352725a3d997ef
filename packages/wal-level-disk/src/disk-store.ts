/**
 * LevelDB as a place for logs: where it lies, when it may be made, how deleted entries give their
 * space back, and what makes unsynced batches durable.
 *
 * LevelDB makes a new database wherever the file `CURRENT` is missing, and removes the tables that
 * it finds there. So it may make one only where there is nothing to lose.
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
  type PlaceLock,
  type Reclaimed,
  type Witness,
} from '@babuza/wal-level';
import { GuardedFileSystem, type FileSystem } from '@babuza/vfs';
import { refuseOtherKinds } from '@babuza/wal-files';
import { translated, translating } from './file-errors.ts';
import { FileModes } from './file-modes.ts';
import { databaseIn, holdsData, witnessesIn } from './layout.ts';
import type { ClassicLevelClass } from './load-classic-level.ts';
import type { CheckedDiskOptions } from './options.ts';
import { checkTables } from './table-check.ts';
import { LevelWalDisk } from './wal-type.ts';
import { WitnessFiles } from './witness-files.ts';

export class DiskStore implements LevelStoreKind {
  readonly capabilities: WalCapabilities;
  readonly syncs = true;
  readonly clock: EventLoopClock;
  readonly #ClassicLevel: ClassicLevelClass;
  readonly #options: CheckedDiskOptions;
  readonly #files: FileSystem;
  /** Of the database that is open. */
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

  readonly witness = (directory: string): Witness =>
    new WitnessFiles(witnessesIn(directory), this.#files);

  /** Throws `WAL_FOREIGN` where the directory holds a log of another kind. */
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
      throw new CorruptError(`CURRENT is missing, and there is data: ${data.name}`, {
        groupId: 0n,
        file: database,
        verdict: 'missing-current',
      });
    });
  }

  /**
   * LevelDB locks a file of its own, `db/LOCK`. That lock is not lost while its owner stands still,
   * but it is when somebody removes the file; so the directory has the same lock as those of the
   * other logs.
   */
  async lock(directory: string): Promise<PlaceLock> {
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

  /** The lock of the directory is held: two kinds of logs are never made here at the same time. */
  async open(directory: string): Promise<LevelDatabase> {
    if (await this.exists(directory)) return this.#open(directory, false);
    await translating(() => this.#files.makeDirectory(directory));
    return this.#create(directory);
  }

  /** With the lock of the directory. Another process may have made the database before that. */
  async #create(directory: string): Promise<LevelDatabase> {
    await this.checkDirectory(directory);
    const createIfMissing = !(await this.exists(directory));
    // Durable after it: the name of the directory of LevelDB.
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
      // Also the files of an opening that fails.
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
   * LevelDB opens its files by itself: it follows links, and a FIFO in place of one holds the start
   * for ever.
   */
  async #refuseOthersThanFiles(location: string): Promise<void> {
    const entries = await translating(() => this.#files.list(location));
    const other = entries.find(({ kind }) => kind === 'other');
    if (other === undefined) return;
    throw new ForeignFileError(
      join(location, other.name),
      'is not a regular file, and LevelDB would follow or wait for it. Nothing was changed. Find out who put it there, and move it to another place',
    );
  }

  async close(database: LevelDatabase): Promise<void> {
    await database.close();
    await this.#modes?.close();
  }

  /** As a chained batch, which reaches LevelDB with fewer copies than an array does. */
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
   * LevelDB keeps what was deleted until it happens to compact the tables that hold it. It is asked
   * to once the purged range, with all that earlier purges left in it, is large enough.
   */
  async reclaim(database: LevelDatabase, { gte, lt }: KeyRange): Promise<Reclaimed> {
    invariant(database instanceof this.#ClassicLevel, 'the database is the one that was opened');
    const takes = await database.approximateSize(gte, lt, bytesOnly);
    const { compactPurgedBytes } = this.#options;
    if (takes < compactPurgedBytes) {
      const heldBy = `LevelDB frees what was deleted when it compacts its tables; a purge asks it to from ${compactPurgedBytes} bytes on (compactPurgedBytes), and ${takes} are purged in them`;
      return { bytesFreed: 0, heldBy };
    }
    const before = await this.#bytesOfData(database.location);
    await database.compactRange(gte, lt, bytesOnly);
    await this.#modes?.restrict();
    const after = await this.#bytesOfData(database.location);
    // What is saved meanwhile takes space of its own.
    return { bytesFreed: Math.max(0, before - after) };
  }

  /**
   * A sync of LevelDB covers its newest log file. Unsynced batches before it may be in an older
   * one, or on their way into a table; a compaction, here of nothing, writes them to a table,
   * synced.
   */
  async flush(database: LevelDatabase): Promise<void> {
    invariant(database instanceof this.#ClassicLevel, 'the database is the one that was opened');
    const nothing = new Uint8Array(0);
    await database.compactRange(nothing, nothing, bytesOnly);
    await this.#modes?.restrict();
  }

  /** Of LevelDB's logs and tables. `LOCK` is never opened: see `layout.ts`. */
  async #bytesOfData(location: string): Promise<number> {
    let bytes = 0;
    for (const { name } of await this.#files.list(location)) {
      if (holdsData(name)) bytes += await this.#sizeOf(join(location, name));
    }
    return bytes;
  }

  async #sizeOf(path: string): Promise<number> {
    // LevelDB removes files while they are counted.
    const file = await this.#files.open(path, 'read').catch(() => undefined);
    try {
      return (await file?.size()) ?? 0;
    } finally {
      await file?.close();
    }
  }
}
