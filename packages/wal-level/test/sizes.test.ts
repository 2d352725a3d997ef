/** Numbers of entries and sizes of batches around the constants of the code. */
import { describe, expect, it } from 'vitest';
import { Ledger } from '@babuza/wal-core/conformance';
import { bytes, HostilePlace } from './hostile-level.ts';
import { ForgetfulPlace } from './forgetful-place.ts';
import { KeyKind, parseKey } from '../src/keys.ts';
import { entries, entry, marker } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };
const sharedBytesMax = 4 * 1024 * 1024;

/** The indexes of the entries that are stored. */
async function storedIndexes(place: HostilePlace): Promise<number[]> {
  const keys = [...(await place.dump()).keys()].map((key) => parseKey(bytes(key)));
  return keys.flatMap((key) => (key?.kind === KeyKind.Entry ? [key.index] : []));
}

describe('entries in numbers around those that are deleted and read at a time', () => {
  for (const count of [999, 1000, 1001, 1999, 2000, 2001]) {
    it(`${count} that are purged leave nothing behind`, async () => {
      const place = new HostilePlace();
      const { wal } = await place.manager().createWal(identity);
      const hardState = { term: 1, vote: 0n, commit: count };
      await wal.save({ entries: entries(1, count + 3, 1), hardState });
      await wal.purge(count);
      await wal.close();
      // Saves of other logs go in between.
      expect(place.hostility.clears).toBe(Math.ceil(count / 1000));
      expect(await storedIndexes(place)).toEqual([count + 1, count + 2, count + 3]);
      await place.database.close();
      const { storage } = await place.manager().replayWal();
      expect([storage.firstIndex(), storage.lastIndex()]).toEqual([count + 1, count + 3]);
    });

    it(`${count} that a reset drops leave nothing behind`, async () => {
      const place = new HostilePlace();
      const { wal } = await place.manager().createWal(identity);
      await wal.save({ entries: entries(1, count, 1) });
      await wal.save({ snapshot: marker(count - 1, 2), entries: entries(count, count + 1, 2) });
      await wal.close();
      expect(await storedIndexes(place)).toEqual([count, count + 1]);
    });
  }
});

describe('batches of logs around the size that they share', () => {
  for (const more of [-1, 0, 1]) {
    it(`together ${sharedBytesMax + more} bytes`, async () => {
      const place = new HostilePlace();
      const manager = place.manager();
      const groups = [1n, 2n, 3n];
      const logs = await Promise.all(
        groups.map((groupId) => manager.createWal(identity, { groupId })),
      );
      const [first, second, third] = logs.map(({ wal }) => wal);
      if (first === undefined || second === undefined || third === undefined) throw new Error();
      const half = sharedBytesMax / 2;
      await third.save({ entries: [entry(1, 1, half)] });
      const overhead = third.stats.bytesWritten - half;
      const before = place.hostility.batches.length;
      await Promise.all([
        third.save({ hardState: { term: 1, vote: 0n, commit: 1 } }),
        first.save({ entries: [entry(1, 1, half - overhead)] }),
        second.save({ entries: [entry(1, 1, half - overhead + more)] }),
      ]);
      expect(place.hostility.batches.length - before).toBe(more > 0 ? 3 : 2);
      await manager.close();
    });
  }

  it('are there after a power cut, however large', async () => {
    const place = new ForgetfulPlace(() => 0);
    const manager = place.manager();
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
    place.cutPower();
    const next = place.manager();
    for (const { groupId, ledger } of logs) {
      expect(ledger.judge(await next.replayWal({ groupId }))).toEqual([]);
    }
    await next.close();
  });
});
