/** Numbers of entries and sizes of batches around the constants of the code. */
import { describe, expect, it } from 'vitest';
import { Ledger } from '@babuza/wal-core/conformance';
import { bytes, HostileStore } from './hostile-store.ts';
import { ForgetfulStore } from './forgetful-store.ts';
import { KeyKind, parseKey } from '../src/keys.ts';
import { entries, entry, marker } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };
const sharedBytesMax = 4 * 1024 * 1024;

/** The indexes of the stored entries. */
async function storedIndexes(store: HostileStore): Promise<number[]> {
  const keys = [...(await store.dump()).keys()].map((key) => parseKey(bytes(key)));
  return keys.flatMap((key) => (key?.kind === KeyKind.Entry ? [key.index] : []));
}

describe('numbers of entries around the size of a page', () => {
  for (const count of [999, 1000, 1001, 1999, 2000, 2001]) {
    it(`${count} that are purged leave nothing behind`, async () => {
      const store = new HostileStore();
      const { wal } = await store.manager().createWal(identity);
      const hardState = { term: 1, vote: 0n, commit: count };
      await wal.save({ entries: entries(1, count + 3, 1), hardState });
      await wal.purge(count);
      await wal.close();
      // Saves of other logs run in between.
      expect(store.hostility.clears).toBe(Math.ceil(count / 1000));
      expect(await storedIndexes(store)).toEqual([count + 1, count + 2, count + 3]);
      await store.database.close();
      const { storage } = await store.manager().replayWal();
      expect([storage.firstIndex(), storage.lastIndex()]).toEqual([count + 1, count + 3]);
    });

    it(`${count} that a reset drops leave nothing behind`, async () => {
      const store = new HostileStore();
      const { wal } = await store.manager().createWal(identity);
      await wal.save({ entries: entries(1, count, 1) });
      await wal.save({ snapshot: marker(count - 1, 2), entries: entries(count, count + 1, 2) });
      await wal.close();
      expect(await storedIndexes(store)).toEqual([count, count + 1]);
    });
  }
});

describe('batches of logs around the size of a shared batch', () => {
  for (const more of [-1, 0, 1]) {
    it(`together ${sharedBytesMax + more} bytes`, async () => {
      const store = new HostileStore();
      const manager = store.manager();
      const groups = [1n, 2n, 3n];
      const logs = await Promise.all(
        groups.map((groupId) => manager.createWal(identity, { groupId })),
      );
      const [first, second, third] = logs.map(({ wal }) => wal);
      if (first === undefined || second === undefined || third === undefined) throw new Error();
      const half = sharedBytesMax / 2;
      await third.save({ entries: [entry(1, 1, half)] });
      const overhead = third.stats.bytesWritten - half;
      const before = store.hostility.batches.length;
      await Promise.all([
        third.save({ hardState: { term: 1, vote: 0n, commit: 1 } }),
        first.save({ entries: [entry(1, 1, half - overhead)] }),
        second.save({ entries: [entry(1, 1, half - overhead + more)] }),
      ]);
      expect(store.hostility.batches.length - before).toBe(more > 0 ? 3 : 2);
      await manager.close();
    });
  }

  it('are there after a power cut, however large', async () => {
    const store = new ForgetfulStore(() => 0);
    const manager = store.manager();
    const logs = [];
    for (const groupId of [1n, 2n, 3n]) {
      const ledger = new Ledger();
      logs.push({ groupId, ledger, opened: await manager.createWal(identity, { groupId }) });
    }
    await Promise.all(
      logs.map(async ({ ledger, opened }) => {
        for (const size of [sharedBytesMax - 100, sharedBytesMax, 100]) {
          const list = [entry(opened.storage.lastIndex() + 1, 1, size)];
          const id = ledger.attempt({ entries: list });
          await opened.wal.save({ entries: list });
          ledger.acknowledge(id);
        }
      }),
    );
    store.cutPower();
    const next = store.manager();
    for (const { groupId, ledger } of logs) {
      expect(ledger.judge(await next.replayWal({ groupId }))).toEqual([]);
    }
    await next.close();
  });
});
