/** The identity records: each change is written, one write at a time, and no value goes back. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClusterIdentity } from '../../src/identity/cluster-identity.ts';
import { IdentityKeeper, mergedIdentity } from '../../src/identity/identity-keeper.ts';
import { decodeIdentityRecord } from '../../src/identity/identity-record.ts';
import { decodeSnapshotOwner, SnapshotOwnership } from '../../src/identity/snapshot-owner.ts';

const hex = (digit: string): string => digit.repeat(32);
const cluster: ClusterIdentity = { origin: hex('a'), birth: hex('b'), previous: [] };
const member = (run: number) => ({ logId: hex('2'), startCount: 1, run, durableIndex: 0 });

let writes: { readonly bytes: Uint8Array; readonly end: (error?: Error) => void }[];
let warnings: number;
let clock: SimulatedClock;
let keeper: IdentityKeeper;

beforeEach(() => {
  [writes, warnings] = [[], 0];
  clock = new SimulatedClock();
  keeper = new IdentityKeeper({
    record: { logId: hex('1'), cluster, startCount: 1, committedIndex: 5, members: new Map() },
    run: 11,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
        writes.push({ bytes, end });
      }),
    clock,
    logger: { warn: () => void (warnings += 1) } as never,
  });
});

const failure = (code: string): Error => Object.assign(new Error('a failure'), { code });

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

const last = (): ReturnType<typeof decodeIdentityRecord> =>
  decodeIdentityRecord(writes.at(-1)?.bytes ?? new Uint8Array(0));

async function endWrite(error?: Error): Promise<void> {
  writes.at(-1)?.end(error);
  await turns();
}

describe('the identity record of a running node', () => {
  it('is written once for changes of one moment, and once more for those that come meanwhile', async () => {
    keeper.remember(2n, member(1));
    keeper.remember(3n, member(1));
    expect(writes).toEqual([]);
    await turns();
    expect([writes.length, [...last().members.keys()]]).toEqual([1, [2n, 3n]]);
    keeper.remember(4n, member(1));
    keeper.forget(2n);
    await turns();
    expect(writes).toHaveLength(1);
    await endWrite();
    expect([writes.length, [...last().members.keys()]]).toEqual([2, [3n, 4n]]);
    await endWrite();
    expect(writes).toHaveLength(2);
    keeper.remember(5n, member(1));
    await turns();
    expect(writes).toHaveLength(3);
  });

  it('that could not be written is written whole with the next change', async () => {
    keeper.remember(2n, member(1));
    await turns();
    await endWrite(new Error('the disk is full'));
    expect([warnings, writes.length]).toEqual([1, 1]);
    keeper.remember(3n, member(1));
    await turns();
    expect([writes.length, [...last().members.keys()]]).toEqual([2, [2n, 3n]]);
  });

  it('is written again where a change came during a write that failed', async () => {
    keeper.remember(2n, member(1));
    await turns();
    keeper.remember(3n, member(1));
    await endWrite(new Error('the disk is full'));
    expect([writes.length, [...last().members.keys()]]).toEqual([2, [2n, 3n]]);
  });

  it.each(['WAL_TRY_AGAIN', 'WAL_NO_SPACE'])(
    'that could not be written for %s is written again after a pause, without another change',
    async (code) => {
      keeper.remember(2n, member(1));
      await turns();
      await endWrite(failure(code));
      expect(writes).toHaveLength(1);
      await clock.advance(100);
      expect(writes).toHaveLength(2);
      await endWrite(failure(code));
      keeper.remember(3n, member(1));
      await clock.advance(199);
      expect(writes).toHaveLength(2);
      await clock.advance(1);
      expect([writes.length, [...last().members.keys()]]).toEqual([3, [2n, 3n]]);
      await endWrite();
      await clock.advance(60_000);
      expect([writes.length, warnings, clock.pendingCount]).toEqual([3, 1, 0]);
    },
  );

  it('is written a last time at the end, also within a pause, and not again where that fails', async () => {
    keeper.remember(2n, member(1));
    await turns();
    await endWrite(failure('WAL_TRY_AGAIN'));
    const stopping = keeper.stop();
    await turns();
    expect([writes.length, [...last().members.keys()]]).toEqual([2, [2n]]);
    await endWrite(failure('WAL_TRY_AGAIN'));
    await stopping;
    await clock.advance(60_000);
    expect([writes.length, clock.pendingCount]).toEqual([2, 0]);
  });

  it('is not written for what does not change it', async () => {
    keeper.forget(9n);
    keeper.learned(cluster);
    keeper.committed(4);
    keeper.committed(9);
    await turns();
    expect(writes).toEqual([]);
    keeper.committed(7);
    keeper.remember(2n, member(1));
    await turns();
    expect(last().committedIndex).toBe(9);
  });

  it('is written a last time at the end, behind a write that is under way', async () => {
    keeper.remember(2n, member(1));
    await turns();
    keeper.committed(20);
    let isStopped = false;
    const stopping = keeper.stop().then(() => (isStopped = true));
    keeper.remember(3n, member(1));
    await endWrite();
    expect([isStopped, writes.length, last().committedIndex]).toEqual([false, 2, 20]);
    await endWrite();
    await stopping;
    keeper.remember(4n, member(1));
    await turns();
    expect(writes).toHaveLength(2);
  });

  it('ends also where its last write fails', async () => {
    const stopping = keeper.stop();
    await turns();
    await endWrite(new Error('the disk is full'));
    await stopping;
    expect([writes.length, warnings]).toEqual([1, 0]);
  });
});

describe('what the log tells of a cluster', () => {
  it('is refused where a part of it is that of another one', () => {
    for (const other of [
      { ...cluster, birth: hex('c') },
      { origin: hex('c'), birth: undefined, previous: [] },
    ]) {
      expect(() => mergedIdentity(cluster, other, false)).toThrow(
        expect.objectContaining({ code: 'RAFT_OTHER_CLUSTER' }),
      );
    }
  });

  it('may be what was before a recovery that the record knows of, and does not take it back', () => {
    const renewed = { origin: hex('d'), birth: hex('e'), previous: [cluster] };
    expect(mergedIdentity(renewed, cluster, false)).toBe(renewed);
    expect(mergedIdentity(cluster, renewed, true)).toBe(renewed);
    expect(() => mergedIdentity(cluster, renewed, false)).toThrow();
  });

  it('keeps the origin that is known where a longer past comes without one', () => {
    const past = [{ origin: hex('8'), birth: hex('9') }];
    const told = { origin: undefined, birth: cluster.birth, previous: past };
    expect(mergedIdentity(cluster, told, false)).toEqual({ ...cluster, previous: past });
  });

  it('adds what is not known, and keeps the longer past', () => {
    const past = [{ origin: hex('8'), birth: hex('9') }];
    const known = { origin: hex('a'), birth: undefined, previous: past };
    expect(
      mergedIdentity(known, { origin: undefined, birth: hex('b'), previous: [] }, false),
    ).toEqual({ origin: hex('a'), birth: hex('b'), previous: past });
    const merged = mergedIdentity(cluster, { ...cluster, previous: past }, false);
    expect([merged.previous, mergedIdentity(merged, cluster, false).previous]).toEqual([
      past,
      past,
    ]);
  });
});

describe('the record of a folder of snapshots', () => {
  it('is written where an index grows, and never with a lower one', async () => {
    const owners: ReturnType<typeof decodeSnapshotOwner>[] = [];
    const manager = {
      writeIdentity: async (bytes: Uint8Array) => void owners.push(decodeSnapshotOwner(bytes)),
    };
    const ownership = new SnapshotOwnership(manager as never, {
      logId: hex('1'),
      startCount: 1,
      recordedIndex: 10,
      committedIndex: 20,
    });
    for (const index of [9, 10, 11, 5]) await ownership.recorded(index);
    for (const index of [19, 20, 21, 5]) await ownership.committed(index);
    expect(
      owners.map(({ recordedIndex, committedIndex }) => [recordedIndex, committedIndex]),
    ).toEqual([
      [11, 20],
      [11, 21],
    ]);
  });

  it('that could not be written is written at the next occasion, also where no index grows', async () => {
    const owners: ReturnType<typeof decodeSnapshotOwner>[] = [];
    let isShort = true;
    const manager = {
      writeIdentity: async (bytes: Uint8Array) => {
        if (isShort) throw failure('SNAPSHOT_TRY_AGAIN');
        owners.push(decodeSnapshotOwner(bytes));
      },
    };
    const ownership = new SnapshotOwnership(manager as never, {
      logId: hex('1'),
      startCount: 1,
      recordedIndex: 10,
      committedIndex: 20,
    });
    await expect(ownership.recorded(11)).rejects.toThrow('a failure');
    await expect(ownership.recorded(11)).rejects.toThrow('a failure');
    isShort = false;
    await ownership.recorded(11);
    await ownership.recorded(11);
    expect(owners.map(({ recordedIndex }) => recordedIndex)).toEqual([11]);
    isShort = true;
    await expect(ownership.committed(21)).rejects.toThrow('a failure');
    isShort = false;
    await ownership.recorded(11);
    expect(owners.map(({ committedIndex }) => committedIndex)).toEqual([20, 21]);
    isShort = true;
    await expect(ownership.recorded(12)).rejects.toThrow('a failure');
    isShort = false;
    await ownership.committed(21);
    expect(owners.map(({ recordedIndex }) => recordedIndex)).toEqual([11, 11, 12]);
  });

  it.each(['after', 'before'])(
    'that failed is still due where the write of an older one succeeds %s it',
    async (when) => {
      const all: { readonly bytes: Uint8Array; readonly end: (error?: Error) => void }[] = [];
      const manager = {
        writeIdentity: (bytes: Uint8Array) =>
          new Promise<void>((resolve, reject) => {
            const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
            all.push({ bytes, end });
          }),
      };
      const ownership = new SnapshotOwnership(manager as never, {
        logId: hex('1'),
        startCount: 1,
        recordedIndex: 10,
        committedIndex: 20,
      });
      const older = ownership.recorded(11);
      const newer = ownership.committed(21);
      const failed = expect(newer).rejects.toThrow('a failure');
      const ends = [
        (): void => all[1]?.end(failure('SNAPSHOT_TRY_AGAIN')),
        (): void => all[0]?.end(),
      ];
      for (const end of when === 'after' ? ends : ends.toReversed()) {
        end();
        await turns();
      }
      await Promise.all([older, failed]);
      expect(all).toHaveLength(2);
      const again = ownership.recorded(11);
      expect(all).toHaveLength(3);
      expect(decodeSnapshotOwner(all[2]?.bytes ?? new Uint8Array(0))).toMatchObject({
        recordedIndex: 11,
        committedIndex: 21,
      });
      all[2]?.end();
      await again;
    },
  );

  it('counts as written when it is durable, and not before', async () => {
    const ends: (() => void)[] = [];
    const manager = {
      writeIdentity: () => new Promise<void>((resolve) => void ends.push(resolve)),
    };
    const ownership = new SnapshotOwnership(manager as never, {
      logId: hex('1'),
      startCount: 1,
      recordedIndex: 10,
      committedIndex: 20,
    });
    const done: number[] = [];
    void ownership.recorded(11).then(() => done.push(1));
    void ownership.recorded(11).then(() => done.push(2));
    await turns();
    expect(done).toEqual([]);
    for (const end of ends) end();
    await turns();
    expect(done).toEqual([1, 2]);
  });
});
