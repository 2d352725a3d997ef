/**
 * A store for tests on memory-level. Like a disk it shows a batch before the write resolves. It
 * fails on demand and records the calls that it gets.
 */
import { crc32 } from 'node:zlib';
import type { AbstractBatchOptions } from 'abstract-level';
import { MemoryLevel } from 'memory-level';
import { LockedError, NoSpaceError, type WalCapabilities } from '@babuza/wal-core';
import { bytesOnly, LevelWalManager } from '../src/index.ts';
import type {
  EventLoopClock,
  LevelDatabase,
  LevelStoreKind,
  LevelWalOptions,
  StoredSyncRecord,
  SyncRecords,
} from '../src/index.ts';
import type { LevelOperation } from '../src/database.ts';

export const capabilities: WalCapabilities = {
  durable: true,
  batchAtomic: true,
  detectsEveryFlip: true,
  exactPurge: true,
  entryBytesMax: 64 * 1024 * 1024,
};

/** A batch as the log wrote it. */
export interface SeenBatch {
  readonly operations: readonly LevelOperation[];
  readonly sync: boolean;
}

type BatchOptions = AbstractBatchOptions<Uint8Array, Uint8Array> & { sync?: boolean };

/**
 * How the next write fails: before anything is written, after everything is written, or by dropping
 * the batch without an error.
 */
export type Failure = 'no-space' | 'broken-before' | 'broken-after' | 'dropped';

/** The failures and delays of a store, and its counts. */
export class Hostility {
  readonly batches: SeenBatch[] = [];
  nextFailure: Failure | undefined;
  clearFails = false;
  /** The number of range deletions so far. */
  clears = 0;
  /** The number of flushes so far. */
  flushes = 0;
  /** Called while a batch is being written. */
  onWrite: () => Promise<void> = async () => undefined;
}

function hostileLevel(hostility: Hostility): MemoryLevel<Uint8Array, Uint8Array> {
  const level = new MemoryLevel<Uint8Array, Uint8Array>({ ...bytesOnly, storeEncoding: 'view' });
  const write = level.batch.bind(level);
  const clear = level.clear.bind(level);
  const batch = async (operations: LevelOperation[], options: BatchOptions): Promise<void> => {
    hostility.batches.push({ operations: [...operations], sync: options.sync === true });
    const failure = hostility.nextFailure;
    hostility.nextFailure = undefined;
    if (failure === 'no-space') throw new NoSpaceError('the test wants no space');
    if (failure === 'broken-before') throw new Error('the test wants a broken disk');
    if (failure !== 'dropped') await write(operations, options);
    await turn();
    await hostility.onWrite();
    if (failure === 'broken-after') throw new Error('the test wants a broken sync');
  };
  const slowClear = async (options: Parameters<typeof clear>[0]): Promise<void> => {
    if (hostility.clearFails) throw new Error('the test wants no deletion');
    hostility.clears += 1;
    await turn();
    await clear(options);
  };
  Object.defineProperties(level, { batch: { value: batch }, clear: { value: slowClear } });
  return level;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A clock that a test, or a slow write, moves forward. */
export class HostileClock implements EventLoopClock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  startTimer(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  get timers(): number {
    return this.#timers.size;
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const timer of this.#timers) {
      if (timer.dueMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
    await turn();
  }
}

/** Sync records in memory that fail on demand. */
export class HostileSyncRecords implements SyncRecords {
  readonly written: { readonly batch: number; readonly durable: boolean }[] = [];
  readonly records = new Map<bigint, StoredSyncRecord>();
  fails = false;

  async read(groupId: bigint): Promise<StoredSyncRecord> {
    return this.records.get(groupId) ?? { kind: 'absent' };
  }

  async hasAny(): Promise<boolean> {
    return this.records.size > 0;
  }

  async write(groupId: bigint, batch: number, durable: boolean): Promise<void> {
    if (this.fails) throw new Error('the test wants a failing sync record');
    this.written.push({ batch, durable });
    this.records.set(groupId, { kind: 'batch', batch });
  }
}

/** A store with one such database. */
export class HostileStore implements LevelStoreKind {
  readonly capabilities: WalCapabilities = capabilities;
  readonly syncs = true;
  readonly hostility = new Hostility();
  readonly database: LevelDatabase = hostileLevel(this.hostility);
  readonly clock: HostileClock | undefined;
  readonly syncRecords: (() => HostileSyncRecords) | undefined;
  #made = false;
  #openNow = false;

  constructor(syncRecords?: HostileSyncRecords) {
    this.syncRecords = syncRecords && (() => syncRecords);
    this.clock = syncRecords && new HostileClock();
  }

  async flush(): Promise<void> {
    this.hostility.flushes += 1;
  }

  async exists(): Promise<boolean> {
    return this.#made;
  }

  async open(): Promise<LevelDatabase> {
    if (this.#openNow && this.database.status === 'open') throw new LockedError('the test has it');
    this.#made = true;
    this.#openNow = true;
    await this.database.open();
    return this.database;
  }

  manager(options?: LevelWalOptions): LevelWalManager {
    return new LevelWalManager(this, '/level', options);
  }

  /** The whole content, by key in hexadecimal, in the order of the keys. */
  async dump(): Promise<Map<string, Uint8Array>> {
    await this.database.open();
    const all = new Map<string, Uint8Array>();
    for await (const [key, value] of this.database.iterator(bytesOnly)) all.set(hex(key), value);
    return all;
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.database.open();
    await this.database.put(bytes(key), value, bytesOnly);
  }

  async del(key: string): Promise<void> {
    await this.database.open();
    await this.database.del(bytes(key), bytesOnly);
  }
}

/** A store with the given content. */
export async function storeWith(
  content: ReadonlyMap<string, Uint8Array>,
  syncRecords?: HostileSyncRecords,
): Promise<HostileStore> {
  const store = new HostileStore(syncRecords);
  await store.open();
  for (const [key, value] of content) await store.put(key, value);
  await store.database.close();
  return store;
}

export function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** A copy of the value with the right checksum. */
export function resealed(key: Uint8Array, value: Uint8Array): Uint8Array {
  const sealed = Buffer.from(value);
  sealed.writeUInt32BE(crc32(value.subarray(4), crc32(key)), 0);
  return new Uint8Array(sealed);
}
