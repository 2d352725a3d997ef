/** Snapshots in a replayed log: which are valid, and which drop entries. */
import { describe, expect, it } from 'vitest';
import { confState } from '@babuza/testkit/ladder';
import { entryRecord, snapshotRecord, stateRecord, type CraftedRecord } from './support/crafted.ts';
import { entries, marker, markers, range, replayed } from './support/replayed.ts';

describe('the replayed snapshots', () => {
  it('are kept, ascending, with the entries that they cover', async () => {
    const log = await replayed(0, [
      ...entries(1, 2, 3, 4),
      stateRecord(1, 4),
      marker(2),
      marker(4),
    ]);
    expect([markers(log), range(log)]).toEqual([
      [2, 4],
      [1, 4],
    ]);
  });

  it('are ignored if they are older than another one or than the start', async () => {
    const older = await replayed(0, [...entries(1, 2, 3, 4), marker(3), marker(2)]);
    expect([markers(older), range(older)]).toEqual([[3], [1, 4]]);
    const belowBase = await replayed(20, [...entries(20, 21), marker(5)]);
    expect([markers(belowBase), range(belowBase)]).toEqual([[], [21, 21]]);
    const atBase = await replayed(20, [...entries(20, 21), marker(20)]);
    expect([markers(atBase), range(atBase)]).toEqual([[20], [21, 21]]);
  });

  it('replace earlier ones with the same index', async () => {
    const other = { ...confState, voters: [77n] };
    const log = await replayed(0, [...entries(1, 2), marker(2), snapshotRecord(2, 1, other)]);
    expect(log.log.state.markers).toEqual([{ index: 2, term: 1, confState: other }]);
  });

  it('may have index 0 with a membership, and no membership as in etcd 3.4', async () => {
    expect(markers(await replayed(0, [snapshotRecord(0, 0)]))).toEqual([]);
    expect(markers(await replayed(0, [snapshotRecord(0, 0, confState)]))).toEqual([0]);
    const old = await replayed(0, [...entries(1), snapshotRecord(1)]);
    const [only] = old.log.state.markers;
    expect([only?.index, only?.confState.voters]).toEqual([1, []]);
  });

  it('drop the entries if the log has no entry with their index and term', async () => {
    const log = await replayed(0, [
      ...entries(1, 2),
      stateRecord(1, 9),
      marker(9, 3),
      entryRecord(10, 3),
    ]);
    expect([range(log), log.log.start]).toEqual([[10, 10], { segmentId: 6, position: undefined }]);
    expect(log.log.hasUncoveredReset).toBe(false);
    const stale = await replayed(0, [...entries(1, 2), marker(2, 3)]);
    expect([range(stale), stale.log.state.index.term(2)]).toEqual([[3, 2], 3]);
  });

  for (const [index, term] of [
    [2 ** 53 - 1, 2],
    [4, 2 ** 53 - 1],
    [2 ** 53 - 1, 2 ** 53 - 1],
  ] as const) {
    it(`may have numbers up to 2^53 - 1: ${index}, ${term}`, async () => {
      const log = await replayed(0, [marker(index, term)]);
      expect([log.error, log.log.state.markers[0]?.term]).toEqual([undefined, term]);
    });
  }

  it('must not have larger numbers', async () => {
    for (const [index, term] of [
      [2 ** 53, 1],
      [1, 2 ** 53],
    ] as const) {
      const { error, offsets } = await replayed(0, [...entries(1), marker(index, term)]);
      expect(error).toMatchObject({ verdict: 'not-readable', offset: offsets[1], firstIndex: 2 });
      expect(error?.message).toContain('above 2^53');
    }
  });
});

describe('a snapshot that no hard state covers', () => {
  it('needs a second replay if it dropped entries, until a hard state covers it', async () => {
    const believed = async (...records: readonly CraftedRecord[]): Promise<boolean> =>
      (await replayed(0, [...entries(1, 2, 3), stateRecord(1, 2), ...records])).log
        .hasUncoveredReset;
    expect(await believed()).toBe(false);
    expect(await believed(marker(20))).toBe(true);
    expect(await believed(marker(20), stateRecord(2, 19))).toBe(true);
    expect(await believed(marker(20), stateRecord(2, 20))).toBe(false);
    expect(await believed(marker(20), stateRecord(2, 25))).toBe(false);
    expect(await believed(stateRecord(2, 20), marker(20))).toBe(false);
    expect(await believed(stateRecord(2, 19), marker(20))).toBe(true);
    expect(await believed(marker(3))).toBe(false);
  });

  it('needs a second replay even after another one that a hard state covers', async () => {
    const records = [
      ...entries(1, 2),
      marker(20),
      marker(30),
      stateRecord(2, 25),
      ...entries(21, 22),
    ];
    const first = await replayed(0, records);
    expect(first.log.hasUncoveredReset).toBe(true);
    const again = await replayed(0, records, 25);
    expect([range(again), markers(again), again.log.hasUncoveredReset]).toEqual([
      [21, 22],
      [20],
      false,
    ]);
  });

  it('is ignored above the limit of the second replay', async () => {
    expect(range(await replayed(0, [...entries(1), marker(20)], 20))).toEqual([21, 20]);
    expect(range(await replayed(0, [...entries(1), marker(20)], 19))).toEqual([1, 1]);
  });

  it('ends the log if it is the last record', async () => {
    const end = async (...records: readonly CraftedRecord[]): Promise<number | undefined> => {
      const { log, offsets } = await replayed(0, [
        ...entries(1, 2, 3),
        stateRecord(1, 2),
        ...records,
      ]);
      return log.uncoveredEnd === undefined ? undefined : offsets.indexOf(log.uncoveredEnd);
    };
    expect(await end()).toBeUndefined();
    expect(await end(marker(2))).toBeUndefined();
    expect(await end(marker(3))).toBe(4);
    expect(await end(marker(20))).toBe(4);
    expect(await end(marker(3), stateRecord(1, 2))).toBeUndefined();
    expect(await end(marker(3), marker(2))).toBeUndefined();
    expect(await end(snapshotRecord(0, 0))).toBeUndefined();
  });
});
