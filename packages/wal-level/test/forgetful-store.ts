/**
 * A store whose database loses data as LevelDB does. An opening keeps only a prefix of the batches
 * that were not synced, and nothing of what was written after a failed write, even if it was
 * acknowledged. Until then the database shows all of it. The sync records forget what was not
 * written durably.
 */
import { MemoryLevel } from 'memory-level';
import { LockedError } from '@babuza/wal-core';
import { bytesOnly, LevelWalManager } from '../src/index.ts';
import type { LevelDatabase, LevelStoreKind, StoredSyncRecord, SyncRecords } from '../src/index.ts';
import type { LevelOperation } from '../src/database.ts';
import { bytes, capabilities, HostileClock, hex } from './hostile-store.ts';

type Random = (below: number) => number;

/**
 * The effect of a failing write: nothing, the batch on disk but not visible, or the batch visible
 * but not on disk.
 */
export type FailedWrite = 'nothing' | 'hidden' | 'shown';

/** One opening of the database, with the batches that it has not synced. */
class Session {
  readonly unsynced: (readonly LevelOperation[])[] = [];
  failed = false;
  /** After a power cut nothing that this opening does has an effect. */
  dead = false;
}

export class ForgetfulStore implements LevelStoreKind {
  readonly capabilities = capabilities;
  readonly syncs = true;
  readonly clock = new HostileClock();
  readonly #random: Random;
  readonly #disk = new Map<string, Uint8Array>();
  readonly #sessions = new WeakMap<LevelDatabase, Session>();
  #session: Session | undefined;
  /** The sync records now, and what a power cut would leave of them. */
  #records = new Map<bigint, number>();
  #durableRecords = new Map<bigint, number>();
  nextFailure: FailedWrite | undefined;
  nextOpenFails = false;
  nextCloseFails = false;
  openings = 0;
  /** Called while a log is read at its opening. */
  onRead: () => Promise<void> = async () => undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Stands for a new process: the operations of earlier ones have no effect any more. */
  manager(): LevelWalManager {
    return new LevelWalManager(this, '/forgetful', { cache: { entriesMax: 4, bytesMax: 4096 } });
  }

  async exists(): Promise<boolean> {
    return this.#disk.size > 0;
  }

  readonly syncRecords = (): SyncRecords => ({
    read: async (groupId): Promise<StoredSyncRecord> => {
      const batch = this.#records.get(groupId);
      return batch === undefined ? { kind: 'absent' } : { kind: 'batch', batch };
    },
    hasAny: async () => this.#records.size > 0,
    write: async (groupId, batch, durable) => {
      this.#records.set(groupId, batch);
      if (durable) this.#durableRecords.set(groupId, batch);
    },
  });

  async open(): Promise<LevelDatabase> {
    if (this.#session !== undefined) throw new LockedError('the test has it');
    if (this.nextOpenFails) {
      this.nextOpenFails = false;
      throw new Error('the test wants a failing opening');
    }
    this.openings += 1;
    const level = new MemoryLevel<Uint8Array, Uint8Array>({ ...bytesOnly, storeEncoding: 'view' });
    await level.open();
    const puts = [...this.#disk].map(([key, value]) => put(bytes(key), value));
    await level.batch(puts, bytesOnly);
    const session = new Session();
    this.#session = session;
    this.#sessions.set(level, session);
    this.#overrideIterator(level);
    this.#overrideClear(level, session);
    this.#overrideClose(level, session);
    return level;
  }

  async write(
    database: LevelDatabase,
    operations: readonly LevelOperation[],
    sync: boolean,
  ): Promise<void> {
    const session = this.#sessions.get(database);
    if (session === undefined) throw new Error('the database is not of this store');
    const failure = this.nextFailure;
    this.nextFailure = undefined;
    await turns(this.#random(3));
    if (session.dead) throw new Error('the power is gone');
    if (failure !== 'nothing' && !session.failed) session.unsynced.push(operations);
    if (failure !== 'nothing' && failure !== 'hidden') {
      await database.batch([...operations], bytesOnly);
    }
    if (failure !== undefined) {
      session.failed = true;
      throw new Error('the test wants a failing sync');
    }
    if (sync && !session.failed && !session.dead) this.#keep(session, session.unsynced.length);
    await turns(this.#random(3));
  }

  /** Cuts the power: a random prefix of the batches that were not synced survives. */
  cutPower(): void {
    if (this.#session !== undefined) this.#forget(this.#session);
    this.#records = new Map(this.#durableRecords);
  }

  #overrideIterator(level: MemoryLevel<Uint8Array, Uint8Array>): void {
    const iterate = level.iterator.bind(level);
    const value = (options: typeof bytesOnly) => {
      const iterator = iterate(options);
      const read = iterator.nextv.bind(iterator);
      const nextv = async (size: number) => {
        await this.onRead();
        return read(size);
      };
      return Object.defineProperty(iterator, 'nextv', { value: nextv });
    };
    Object.defineProperty(level, 'iterator', { value });
  }

  #overrideClear(level: MemoryLevel<Uint8Array, Uint8Array>, session: Session): void {
    const clear = async (range: { gte: Uint8Array; lte: Uint8Array }): Promise<void> => {
      const keys = await level.keys({ ...range, ...bytesOnly }).all();
      const dels = keys.map((key) => ({ type: 'del', key }) as const);
      // A deletion is a write like any other and may fail.
      await this.write(level, dels, false);
      if (session.dead) throw new Error('the power is gone');
    };
    Object.defineProperty(level, 'clear', { value: clear });
  }

  #overrideClose(level: MemoryLevel<Uint8Array, Uint8Array>, session: Session): void {
    const close = level.close.bind(level);
    const forget = async (): Promise<void> => {
      if (this.nextCloseFails) {
        this.nextCloseFails = false;
        throw new Error('the test wants a failing close');
      }
      await close();
      this.#forget(session);
    };
    Object.defineProperty(level, 'close', { value: forget });
  }

  #forget(session: Session): void {
    if (!session.dead) this.#keep(session, this.#random(session.unsynced.length + 1));
    session.dead = true;
    if (this.#session === session) this.#session = undefined;
  }

  #keep(session: Session, count: number): void {
    for (const operation of session.unsynced.splice(0, count).flat()) {
      if (operation.type === 'put') this.#disk.set(hex(operation.key), operation.value);
      else this.#disk.delete(hex(operation.key));
    }
  }
}

function put(key: Uint8Array, value: Uint8Array): LevelOperation & { type: 'put' } {
  return { type: 'put', key, value };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
