/**
 * Failures of the database by code, logs that end after a failure, and databases of other programs.
 */
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import {
  bytesOnly,
  LevelWalManager,
  type LevelDatabase,
  type LevelStoreKind,
} from '../src/index.ts';
import { GroupKeys } from '../src/keys.ts';
import { readFailure, writeFailure } from '../src/level-errors.ts';
import { encodeHeader } from '../src/values.ts';
import { capabilities, HostileStore, resealed } from './hostile-store.ts';
import { contentOf, entries, reopenedContent } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };

/** An error with a chain of codes, as abstract-level throws it. */
function levelError(...codes: string[]): Error | undefined {
  const [code, ...rest] = codes;
  if (code === undefined) return undefined;
  const cause = levelError(...rest);
  return Object.assign(new Error(`failed with ${code}`, { cause }), { code });
}

function openingWith(open: () => Promise<LevelDatabase>): LevelWalManager {
  const kind: LevelStoreKind = { capabilities, syncs: true, exists: async () => true, open };
  return new LevelWalManager(kind, '/level');
}

describe('an error of the database', () => {
  it('is told by its code, at any depth of the causes', () => {
    for (const [codes, expected] of [
      [['LEVEL_LOCKED'], 'WAL_LOCKED'],
      [['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_LOCKED'], 'WAL_LOCKED'],
      [['LEVEL_CORRUPTION'], 'WAL_CORRUPT'],
      [['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_CORRUPTION'], 'WAL_CORRUPT'],
      [['LEVEL_IO_ERROR'], 'WAL_READ_FAILED'],
      [['LEVEL_DATABASE_NOT_OPEN'], 'WAL_READ_FAILED'],
      [['EIO'], 'WAL_READ_FAILED'],
    ] as const) {
      const cause = levelError(...codes);
      expect(readFailure(cause, '/level')).toMatchObject({ code: expected, cause });
      expect(writeFailure(cause, '/level')).toMatchObject({ code: 'WAL_POISONED', cause });
    }
    const looped = new Error('round and round');
    looped.cause = looped;
    expect(readFailure(looped, '/level').code).toBe('WAL_READ_FAILED');
    expect(readFailure('text', '/level').code).toBe('WAL_READ_FAILED');
  });

  it('while opening is the failure of the call, and the next call tries again', async () => {
    const level = new MemoryLevel<Uint8Array, Uint8Array>({ ...bytesOnly, storeEncoding: 'view' });
    let attempts = 0;
    const manager = openingWith(async () => {
      attempts += 1;
      if (attempts === 1) throw levelError('LEVEL_DATABASE_NOT_OPEN', 'LEVEL_LOCKED');
      await level.open();
      return level;
    });
    await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    expect(await manager.hasExistingWal()).toBe(false);
    await manager.createWal(identity);
    await manager.close();
  });

  it('while reading an entry is that of the read', async () => {
    const store = new HostileStore();
    const manager = store.manager({ cache: { entriesMax: 0, bytesMax: 0 } });
    const { wal, storage } = await manager.createWal(identity);
    await wal.save({ entries: entries(1, 3, 1) });
    Object.defineProperty(store.database, 'getSync', {
      value() {
        throw levelError('LEVEL_IO_ERROR');
      },
    });
    const read = (): unknown => storage.entries(1, 3, Infinity);
    expect(read).toThrow(expect.objectContaining({ code: 'WAL_READ_FAILED' }));
    expect(storage.term(2)).toBe(1);
    await manager.close();
  });
});

describe('a write that fails', () => {
  it('ends the log, whether or not it reached the database; what was durable is readable', async () => {
    for (const failure of ['broken-before', 'broken-after'] as const) {
      const store = new HostileStore();
      const manager = store.manager({ cache: { entriesMax: 0, bytesMax: 0 } });
      const opened = await manager.createWal(identity);
      await opened.wal.save({ entries: entries(1, 6, 1) });
      const before = contentOf(opened);
      store.hostility.nextFailure = failure;
      const saving = opened.wal.save({ entries: entries(3, 4, 2) });
      await expect(saving).rejects.toMatchObject({ code: 'WAL_POISONED' });
      expect(contentOf(opened), failure).toBe(before);
      await expect(opened.wal.save({})).rejects.toMatchObject({ code: 'WAL_POISONED' });
      await manager.close();
      // The batch is present as a whole or absent.
      const after = await reopenedContent(store);
      expect(after === before).toBe(failure === 'broken-before');
      expect(after.startsWith(failure === 'broken-before' ? '1 to 6 ' : '1 to 4 ')).toBe(true);
    }
  });

  it('while creating leaves nothing open', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    store.hostility.nextFailure = 'broken-before';
    const creating = manager.createWal(identity);
    await expect(creating).rejects.toMatchObject({ code: 'WAL_POISONED' });
    expect(await manager.hasExistingWal()).toBe(false);
    await manager.createWal(identity);
    await manager.close();
  });

  it('while discarding leaves nothing open', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    const { wal } = await manager.createWal(identity);
    await wal.save({ entries: entries(1, 6, 1) });
    await wal.close();
    store.hostility.nextFailure = 'broken-before';
    const replaying = manager.replayWal({ discardUncommitted: true });
    await expect(replaying).rejects.toMatchObject({ code: 'WAL_POISONED' });
    expect((await manager.replayWal()).storage.lastIndex()).toBe(6);
    await manager.close();
  });
});

describe('a database of another program', () => {
  it('gets no log', async () => {
    for (const key of ['a', 'zebra', '~~~~~~~~~~~~~~~~~~~']) {
      const store = new HostileStore();
      await store.open();
      await store.database.put(new TextEncoder().encode(key), Uint8Array.of(1), bytesOnly);
      await store.database.close();
      const manager = store.manager();
      const creating = manager.createWal(identity, { groupId: 5n });
      await expect(creating, key).rejects.toMatchObject({ code: 'WAL_FOREIGN', file: '/level' });
      await manager.close();
    }
  });

  it('is told apart from a database of a later release', async () => {
    const keys = new GroupKeys(0n);
    // A header with an identity has the newest version.
    const newest = Uint8Array.of(1);
    const metadata = { clusterId: 1n, nodeId: 1n, entryBytesMax: 4096, identity: newest };
    for (const [offset, code] of [
      [15, 'WAL_VERSION'],
      [11, 'WAL_FOREIGN'],
    ] as const) {
      const value = encodeHeader(keys.header, metadata);
      value[offset] = (value[offset] ?? 0) + 1;
      const store = new HostileStore();
      await store.open();
      await store.database.put(keys.header, resealed(keys.header, value), bytesOnly);
      await store.database.close();
      const manager = store.manager();
      await expect(manager.replayWal()).rejects.toMatchObject({ code });
      expect(await manager.hasExistingWal()).toBe(true);
      await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
      await manager.close();
    }
  });

  it('without a required feature is refused', async () => {
    const level = new MemoryLevel<Uint8Array, Uint8Array>({ ...bytesOnly, storeEncoding: 'view' });
    level.supports = { ...level.supports, explicitSnapshots: false };
    const manager = openingWith(async () => level);
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_INVALID' });
    await manager.close();
    expect(level.status).toBe('closed');
  });
});

describe('options', () => {
  it('outside their range are named', () => {
    const store = new HostileStore();
    for (const [name, options] of [
      ['cache.entriesMax', { cache: { entriesMax: -1, bytesMax: 0 } }],
      ['cache.entriesMax', { cache: { entriesMax: 1.5, bytesMax: 0 } }],
      ['cache.bytesMax', { cache: { entriesMax: 1, bytesMax: 2 ** 33 } }],
    ] as const) {
      expect(() => store.manager(options)).toThrow(name);
    }
    const wrong = Object.assign({}, { verifyOnOpen: 'yes' });
    expect(() => Reflect.construct(LevelWalManager, [store, '/level', wrong])).toThrow(
      'verifyOnOpen must be true or false',
    );
  });
});

describe('closing', () => {
  it('waits for calls under way', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    const creating = manager.createWal(identity);
    const closing = manager.close();
    const { wal } = await creating;
    await closing;
    await expect(wal.save({})).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    expect(store.database.status).toBe('closed');
    expect(await reopenedContent(store)).toContain('1 to 0');
  });
});
