/**
 * Every key is lost once, every byte of every value and key is changed, and values are cut, swapped
 * and duplicated. A read then reports an error or returns the same content as before, never other
 * content.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { LevelWalOptions } from '../src/index.ts';
import { HostileStore, storeWith } from './hostile-store.ts';
import { contentOf, entries, writeSample } from './samples.ts';

type Content = ReadonlyMap<string, Uint8Array>;

let whole: Content = new Map();
let before = '';
/** The keys of group 1, the group under test. The other groups must not be affected. */
let keys: string[] = [];

const groupId = 1n;
const keysOfGroup = '0000000000000001';

beforeAll(async () => {
  const store = new HostileStore();
  const manager = store.manager();
  const { wal } = await manager.createWal(
    { clusterId: 7n, nodeId: 8n, extra: Uint8Array.of(1, 2) },
    { groupId },
  );
  await writeSample(wal);
  for (const neighbour of [0n, 2n]) {
    const { wal } = await manager.createWal({ clusterId: 7, nodeId: 8 }, { groupId: neighbour });
    await wal.save({ entries: entries(1, 5, 9) });
  }
  await wal.close();
  before = contentOf(await manager.replayWal({ groupId }));
  await manager.close();
  whole = await store.dump();
  await store.database.close();
  keys = [...whole.keys()].filter((key) => key.startsWith(keysOfGroup));
});

/**
 * Opens the stored content and returns the code of the error at opening or reading, or the content.
 */
async function outcome(
  content: Content,
  options?: LevelWalOptions,
): Promise<{ opened: boolean; code?: unknown; content?: string }> {
  const store = await storeWith(content);
  const manager = store.manager(options);
  let opened = false;
  try {
    expect(await manager.hasExistingWal({ groupId })).toBe(true);
    const replayed = await manager.replayWal({ groupId });
    opened = true;
    return { opened, content: contentOf(replayed) };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { opened, code: error.code };
    throw error;
  } finally {
    await manager.close();
  }
}

function changed(key: string, value: Uint8Array | undefined): Content {
  const content = new Map(whole);
  if (value === undefined) content.delete(key);
  else content.set(key, value);
  return content;
}

function valueOf(key: string): Uint8Array {
  return new Uint8Array(whole.get(key) ?? []);
}

/** Damage must be reported, and with `verifyOnOpen` already at opening. */
async function mustBeReported(content: Content, what: string): Promise<void> {
  expect((await outcome(content)).code, what).toBe('WAL_CORRUPT');
  const verified = await outcome(content, { verifyOnOpen: true });
  expect(verified, `${what}, verified`).toEqual({ opened: false, code: 'WAL_CORRUPT' });
}

describe('one change to what is stored', () => {
  it('without any change the log is the same', async () => {
    // Header and state, two markers, three changes of the term, ten entries.
    expect(keys.length).toBe(2 + 2 + 3 + 10);
    expect(await outcome(whole)).toEqual({ opened: true, content: before });
    expect(await outcome(whole, { verifyOnOpen: true })).toEqual({ opened: true, content: before });
  });

  it('a key is lost', async () => {
    for (const key of keys) {
      const content = changed(key, undefined);
      await mustBeReported(content, `without ${key}`);
      expect((await outcome(content)).opened, `noticed when opened, without ${key}`).toBe(false);
    }
  });

  it('any byte of any value is changed', async () => {
    for (const key of keys) {
      const value = valueOf(key);
      for (let at = 0; at < value.length; at += 1) {
        for (const mask of [0x01, 0x80, 0xff]) {
          const damaged = new Uint8Array(value);
          damaged[at] = (value[at] ?? 0) ^ mask;
          const { code } = await outcome(changed(key, damaged));
          expect(code, `${key}, byte ${at} ^ ${mask}`).toBe('WAL_CORRUPT');
        }
      }
    }
  });

  it('a value is cut at any length or has one byte more', async () => {
    for (const key of keys) {
      const value = valueOf(key);
      for (let length = 0; length < value.length; length += 1) {
        const { code } = await outcome(changed(key, value.slice(0, length)));
        expect(code, `${key} cut to ${length}`).toBe('WAL_CORRUPT');
      }
      const longer = new Uint8Array(value.length + 1);
      longer.set(value);
      await mustBeReported(changed(key, longer), `${key} with a byte more`);
    }
  });

  it('two values are swapped, or one is under another key, also of a neighbour', async () => {
    const others = [...keys, ...[...whole.keys()].filter((key) => !keys.includes(key))];
    for (const key of keys) {
      for (const other of others) {
        const value = valueOf(other);
        if (key === other || Buffer.compare(valueOf(key), value) === 0) continue;
        await mustBeReported(changed(key, value), `${key} holds the value of ${other}`);
      }
    }
  });

  it('a bit of a key is changed', async () => {
    for (const key of keys) {
      for (let at = 0; at < key.length / 2; at += 1) {
        const raw = Buffer.from(key, 'hex');
        raw.writeUInt8(raw.readUInt8(at) ^ 0x01, at);
        const moved = raw.toString('hex');
        if (whole.has(moved)) continue;
        const content = new Map(changed(key, undefined));
        content.set(moved, valueOf(key));
        await mustBeReported(content, `${key} as ${moved}`);
      }
    }
  });
});

function entryKey(index: number): string {
  return `${keysOfGroup}50${index.toString(16).padStart(16, '0')}`;
}

describe('an unexpected key', () => {
  it('above the last entry or of an unknown kind is reported', async () => {
    const value = valueOf(entryKey(13));
    for (const key of [entryKey(14), entryKey(500), `${keysOfGroup}51`, `${keysOfGroup}ff00`]) {
      await mustBeReported(changed(key, value), `an extra ${key}`);
    }
    for (const key of [`${keysOfGroup}00`, `${keysOfGroup}1000`, `${keysOfGroup}4f`, keysOfGroup]) {
      await mustBeReported(changed(key, value), `an extra ${key}`);
    }
  });

  it('of an entry below the start is a leftover of a purge, which is never shown and is removed', async () => {
    const store = await storeWith(changed(entryKey(2), Uint8Array.of(1, 2, 3)));
    const manager = store.manager();
    expect(contentOf(await manager.replayWal({ groupId }))).toBe(before);
    await manager.close();
    expect([...(await store.dump()).keys()]).toEqual([...whole.keys()]);
  });

  it('of one group does not affect another group', async () => {
    const damaged = await storeWith(changed(entryKey(5), undefined));
    const manager = damaged.manager();
    for (const neighbour of [0n, 2n]) {
      const { storage } = await manager.replayWal({ groupId: neighbour });
      expect(storage.entries(1, 6, Infinity)).toEqual(entries(1, 5, 9));
    }
    await expect(manager.replayWal({ groupId })).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
      groupId,
      file: '/level',
      firstIndex: 5,
      lastIndex: 5,
      verdict: 'missing-entry',
    });
    await expect(manager.findSnapshots({ groupId })).rejects.toMatchObject({ code: 'WAL_CORRUPT' });
    await expect(manager.createWal({ clusterId: 1, nodeId: 1 }, { groupId })).rejects.toMatchObject(
      { code: 'WAL_EXISTS' },
    );
    await manager.close();
  });

  it('stays as it is when the log is refused', async () => {
    const store = await storeWith(changed(entryKey(5), undefined));
    const manager = store.manager();
    const replaying = manager.replayWal({ groupId, discardUncommitted: true });
    await expect(replaying).rejects.toMatchObject({ code: 'WAL_CORRUPT' });
    await manager.close();
    expect(await store.dump()).toEqual(changed(entryKey(5), undefined));
  });
});
