/** The check of a batch: the plan that it becomes, and that a refused batch changes nothing. */
import { batchBytesMax, OutOfOrderError, TooLargeError, type SaveBatch } from '@babuza/wal-core';
import { AcceptedLog, LogState, TermIndex, type SavePlan } from '@babuza/wal-core/backend';
import { entryEncodedSize } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { entries, entry, marker } from './samples.ts';

let log: AcceptedLog;

/** Entries 1 to 9 of term 2, with commit index 5 and a vote for node 1 in term 2. */
beforeEach(() => {
  log = new AcceptedLog(new LogState(new TermIndex()), 1000);
  log.acceptSave({ entries: entries(1, 9, 2), hardState: { term: 2, vote: 1n, commit: 5 } });
});

/** The plan without its entries. */
function plan(batch: SaveBatch): Omit<SavePlan, 'entries'> {
  const { entries: _, ...rest } = log.acceptSave(batch);
  return rest;
}

const nothing = {
  marker: undefined,
  resets: false,
  truncateFrom: undefined,
  hardState: undefined,
  purgeTo: undefined,
  durable: false,
  bytes: 0,
};

describe('a save becomes a plan', () => {
  it('that appends entries, or replaces some', () => {
    const bytes = entryEncodedSize(entry(10, 2));
    expect(plan({ entries: [entry(10, 2)] })).toEqual({ ...nothing, durable: true, bytes });
    expect(plan({ entries: entries(7, 8, 3) })).toMatchObject({ truncateFrom: 7, durable: true });
    expect(plan({ entries: [entry(9, 3)] })).toMatchObject({ truncateFrom: undefined });
  });

  it('that is durable exactly when term, vote, entries or a marker change', () => {
    const hardState = { term: 2, vote: 1n, commit: 5 };
    expect(plan({ hardState })).toEqual(nothing);
    expect(plan({})).toEqual(nothing);
    const commit = { ...hardState, commit: 7 };
    expect(plan({ hardState: commit })).toEqual({ ...nothing, hardState: commit });
    expect(plan({ hardState: { ...commit, term: 3, vote: 0n } }).durable).toBe(true);
    expect(plan({ hardState: { ...commit, term: 3, vote: 4n } }).durable).toBe(true);
    expect(plan({ snapshot: marker(7, 2) })).toMatchObject({ durable: true, resets: false });
    expect(plan({ snapshot: marker(7, 2) }).hardState).toBeUndefined();
  });

  it('that resets the log for an installed snapshot and adds the entries after it', () => {
    const made = log.acceptSave({ snapshot: marker(20, 4), entries: entries(21, 22, 4) });
    expect(made).toMatchObject({ resets: true, truncateFrom: undefined });
    expect(made.hardState).toEqual({ term: 2, vote: 1n, commit: 20 });
    expect(() => log.acceptSave({ entries: [entry(20, 5)] })).toThrow(OutOfOrderError);
    expect(() => log.acceptSave({ entries: [entry(24, 5)] })).toThrow(OutOfOrderError);
    expect(plan({ entries: [entry(21, 5)] })).toMatchObject({ truncateFrom: 21 });
  });

  it('whose terms are checked against the snapshot of the same batch', () => {
    const lower = { snapshot: marker(20, 4), entries: [entry(21, 3)] };
    expect(() => log.acceptSave(lower)).toThrow(/below term 4/);
    expect(plan({ entries: [entry(10, 2)] }).durable).toBe(true);
  });

  it('whose hard state and marker are copies', () => {
    const hardState = { term: 3, vote: 1n, commit: 6 };
    const voters = [1n];
    const made = plan({ hardState, snapshot: marker(6, 2, ...voters) });
    hardState.commit = 9;
    voters.push(2n);
    expect(made.hardState?.commit).toBe(6);
    expect(made.marker?.confState.voters).toEqual([1n]);
    expect(log.hardState.commit).toBe(6);
  });
});

describe('a refused batch', () => {
  it('does not change the accepted log, nor its markers', () => {
    const refused: SaveBatch[] = [
      { snapshot: marker(8, 2), entries: [entry(8, 3)] },
      { snapshot: marker(20, 4), entries: [entry(22, 4)] },
      { snapshot: marker(20, 4), hardState: { term: 1, vote: 1n, commit: 20 } },
      { entries: entries(6, 7, 3), hardState: { term: 3, vote: 0n, commit: 8 } },
      { entries: [entry(10, 2), entry(11, 2, 1000)] },
    ];
    for (const batch of refused) expect(() => log.acceptSave(batch)).toThrow();
    expect(log.hardState).toEqual({ term: 2, vote: 1n, commit: 5 });
    expect(() => log.acceptSave({ entries: [entry(11, 2)] })).toThrow(
      /the last index of the log is 9/,
    );
    expect(plan({ snapshot: marker(6, 2) }).resets).toBe(false);
    expect(plan({ entries: [entry(7, 2)] }).truncateFrom).toBe(7);
  });

  it('names the entry or batch that is too large, and its size', () => {
    const large = entry(10, 2, 1000);
    const error = catchError(() => log.acceptSave({ entries: [large] }));
    expect(error).toBeInstanceOf(TooLargeError);
    expect(error).toMatchObject({ bytes: entryEncodedSize(large), bytesMax: 1000 });
    const generous = new AcceptedLog(new LogState(new TermIndex()), batchBytesMax);
    const data = new Uint8Array(batchBytesMax / 2);
    const two = [1, 2].map((index) => ({ index, term: 1, type: 0, data }) as const);
    expect(catchError(() => generous.acceptSave({ entries: two }))).toBeInstanceOf(TooLargeError);
    // A batch of exactly the limit is accepted.
    const exact = data.subarray(entryEncodedSize({ ...entry(1), data }) - data.length);
    const most = two.map((each) => ({ ...each, data: exact }));
    expect(generous.acceptSave({ entries: most }).bytes).toBe(batchBytesMax);
  });

  it('is also a batch with an invalid snapshot', () => {
    for (const [index, term] of [
      [7, 0],
      [0, 3],
      [-1, 1],
      [1.5, 1],
    ] as const) {
      const error = catchError(() => log.acceptSave({ snapshot: marker(index, term) }));
      expect(error, `index ${index}, term ${term}`).toMatchObject({ code: 'WAL_INVALID' });
    }
    const { confState: _, ...bare } = marker(7, 2);
    const without = Object.assign(bare, { confState: JSON.parse('{}') });
    expect(catchError(() => log.acceptSave({ snapshot: without }))).toMatchObject({
      code: 'WAL_INVALID',
    });
  });
});

describe('other plans', () => {
  it('a purge carries the hard state and the term of the last purged entry', () => {
    const made = log.acceptPurge(4);
    expect(made.purgeTo).toEqual({ index: 4, term: 2 });
    expect(made).toMatchObject({ durable: true, hardState: log.hardState });
    expect(log.acceptPurge(2).purgeTo).toEqual({ index: 4, term: 2 });
    expect(() => log.acceptPurge(6)).toThrow(/above the commit index 5/);
  });

  it('a discard drops entries above the commit index, the snapshot and the start, or does nothing', () => {
    const made = log.acceptDiscard(0);
    expect(made).toMatchObject({ truncateFrom: 6, durable: true, hardState: log.hardState });
    expect(log.acceptDiscard(0)).toMatchObject({ truncateFrom: undefined, durable: false });
    expect(plan({ entries: [entry(6, 3)] }).truncateFrom).toBeUndefined();
  });

  it('a discard never drops entries at or below the snapshot', () => {
    expect(log.acceptDiscard(7).truncateFrom).toBe(8);
  });
});

function catchError(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
