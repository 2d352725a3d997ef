/**
 * The bytes of the format. Golden files are added and never changed: every release reads what an
 * earlier one wrote.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { writeGoldenIdentities, writeGoldenLog } from './golden-log.ts';
import { bytes, hex, HostileStore, storeWith } from './hostile-store.ts';
import { contentOf, entries, reopenedContent } from './samples.ts';

/** Keys and values in hexadecimal, in the order of the database. */
async function golden(name: string): Promise<Map<string, string>> {
  const text = await readFile(new URL(`golden/${name}`, import.meta.url), 'utf8');
  return new Map(Object.entries(JSON.parse(text)));
}

describe('the newest format version', () => {
  it('writes exactly these keys and values', async () => {
    const store = new HostileStore();
    await writeGoldenLog(store);
    const written = new Map(
      [...(await store.dump())].map(([key, value]) => [key, hex(value)] as const),
    );
    // The comparison of the texts includes the order of the keys.
    expect([...written]).toEqual([...(await golden('version-2.json'))]);
  });
});

describe('format version 3, which has an identity', () => {
  it('is written with exactly these keys and values', async () => {
    const store = new HostileStore();
    await writeGoldenIdentities(store);
    const written = [...(await store.dump())].map(([key, value]) => [key, hex(value)]);
    expect(written).toEqual([...(await golden('version-3.json'))]);
  });

  it('is read', async () => {
    const stored = [...(await golden('version-3.json'))];
    const store = await storeWith(new Map(stored.map(([key, value]) => [key, bytes(value)])));
    const manager = store.manager({ verifyOnOpen: true });
    const first = await manager.replayWal();
    expect(first.metadata.identity).toEqual(Uint8Array.of(1, 2, 255));
    expect(first.metadata.extra).toEqual(Uint8Array.of(9, 8));
    expect(await manager.readIdentity()).toEqual(Uint8Array.of(5, 6, 7));
    const second = await manager.replayWal({ groupId: 1n });
    expect(second.metadata.identity).toEqual(new Uint8Array());
    expect(second.metadata.extra).toBe(undefined);
    expect(await manager.readIdentity({ groupId: 1n })).toEqual(new Uint8Array());
    await manager.close();
  });
});

describe.each([1, 2])('format version %i', (version) => {
  async function storeWithLogs(): Promise<HostileStore> {
    const stored = [...(await golden(`version-${version}.json`))];
    return storeWith(new Map(stored.map(([key, value]) => [key, bytes(value)])));
  }

  it('is read', async () => {
    const store = await storeWithLogs();
    const manager = store.manager({ verifyOnOpen: true });
    const first = await manager.replayWal({ expect: { clusterId: 0xc1n, nodeId: 1n } });
    expect(first.metadata.identity).toBe(undefined);
    expect(await manager.readIdentity()).toBe(undefined);
    expect(contentOf(first)).toBe(
      [
        '4 to 13 behind term 1',
        'term 6 vote 3 commit 11',
        'marker 3 term 1 voters 1,2',
        'marker 6 term 1 voters 1,18446744073709551615',
        '4 term 1 type 0 838485868788898a8b',
        '5 term 1 type 0 a2a3a4a5a6a7a8a9aa',
        '6 term 1 type 0 c1c2c3c4c5c6c7c8c9',
        '7 term 2 type 0 e7e8e9eaebecedeeef',
        '8 term 3 type 0 0d0e0f101112131415',
        '9 term 3 type 0 2c2d2e2f3031323334',
        '10 term 3 type 0 4b4c4d4e4f50515253',
        '11 term 5 type 1 ',
        '12 term 5 type 2 none',
        '13 term 5 type 0 00',
      ].join('\n'),
    );
    const empty = await manager.replayWal({ groupId: 1n });
    expect(empty.metadata).toEqual({
      clusterId: 2n ** 64n - 1n,
      nodeId: 2n ** 63n,
      entryBytesMax: 4096,
      extra: Uint8Array.of(0, 1, 255),
    });
    expect(contentOf(empty)).toBe('1 to 0 behind term 0\nterm 0 vote 0 commit 0');
    const largest = await manager.replayWal({ groupId: 2n ** 64n - 1n });
    expect(largest.metadata.extra).toEqual(new Uint8Array());
    expect(largest.hardState).toEqual({
      term: 2 ** 53 - 1,
      vote: 2n ** 64n - 1n,
      commit: 2 ** 52 + 1,
    });
    expect(largest.storage.term(2 ** 52)).toBe(2 ** 53 - 2);
    expect(largest.storage.initialState().confState.autoLeave).toBe(true);
    await manager.close();
  });

  it('is continued in its own version', async () => {
    const store = await storeWithLogs();
    const manager = store.manager();
    const { wal } = await manager.replayWal();
    await manager.writeIdentity(Uint8Array.of(1));
    await wal.save({ entries: entries(14, 15, 6), hardState: { term: 6, vote: 3n, commit: 14 } });
    await manager.close();
    const header = (await store.dump()).get('000000000000000010');
    expect(header?.[15]).toBe(version);
    const state = (await store.dump()).get('000000000000000020');
    expect(state?.length).toBe(version === 1 ? 60 : 68);
    await store.database.close();
    expect(await reopenedContent(store)).toContain(
      '4 to 15 behind term 1\nterm 6 vote 3 commit 14',
    );
  });
});
