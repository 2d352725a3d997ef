/** Every invalid part of a batch is refused with a message that names it. */
import { EntryType } from '@babuza/raftpb';
import type { SaveBatch } from '@babuza/wal-core';
import { AcceptedLog, emptyPlan, LogState, TermIndex } from '@babuza/wal-core/backend';
import { beforeEach, describe, expect, it } from 'vitest';
import { entries, entry, marker } from './samples.ts';

let log: AcceptedLog;

/** Entries 1 to 9 of term 2, committed to 5, term 2 voted for 1. */
beforeEach(() => {
  log = new AcceptedLog(new LogState(new TermIndex()), 1000);
  log.acceptSave({ entries: entries(1, 9, 2), hardState: { term: 2, vote: 1n, commit: 5 } });
});

/** A batch whose parts may have wrong types. */
const batchOf = (parts: Readonly<Record<string, unknown>>): SaveBatch => Object.assign({}, parts);

const hardState = { term: 2, vote: 1n, commit: 5 };
const integer = /must be (?:an integer|integers) from/;

const badEntries: readonly [unknown, string, RegExp][] = [
  ['text', 'WAL_INVALID', /must be an array/],
  [{ 0: entry(10, 2), length: 1 }, 'WAL_INVALID', /must be an array/],
  [[null], 'WAL_INVALID', /an entry must be an object, got null/],
  [[undefined], 'WAL_INVALID', /an entry must be an object, got undefined/],
  [['entry'], 'WAL_INVALID', /an entry must be an object, got entry/],
  ...[0, -1, 1.5, Number.NaN, 2 ** 53, '10', undefined].flatMap(
    (value): [unknown, string, RegExp][] => [
      [[{ ...entry(10, 2), index: value }], 'WAL_INVALID', integer],
      [[{ ...entry(10, 2), term: value }], 'WAL_INVALID', integer],
    ],
  ),
  ...[-1, 3, 0.5, '0', null, undefined].map((type): [unknown, string, RegExp] => [
    [{ ...entry(10, 2), type }],
    'WAL_INVALID',
    /entry 10 has the unknown type/,
  ]),
  ...['text', [1], null, 5].map((data): [unknown, string, RegExp] => [
    [{ ...entry(10, 2), data }],
    'WAL_INVALID',
    /the data of entry 10 must be a Uint8Array/,
  ]),
  [[entry(10, 2), entry(12, 2)], 'WAL_OUT_OF_ORDER', /entry 12 follows entry 10/],
  [[entry(10, 2), entry(10, 2)], 'WAL_OUT_OF_ORDER', /entry 10 follows entry 10/],
  [[entry(10, 3), entry(11, 2)], 'WAL_INVALID', /entry 11 has term 2, below term 3/],
  [[entry(10, 1)], 'WAL_INVALID', /entry 10 has term 1, below term 2 of the entry before it/],
  [[entry(7, 1)], 'WAL_INVALID', /entry 7 has term 1, below term 2 of the entry before it/],
  [[entry(11, 2)], 'WAL_OUT_OF_ORDER', /would leave a gap: the last index of the log is 9/],
  [[entry(5, 3)], 'WAL_OUT_OF_ORDER', /would replace committed entries: the commit index is 5/],
];

const badHardStates: readonly [unknown, RegExp][] = [
  [null, /the hard state must be an object, got null/],
  [5, /the hard state must be an object, got 5/],
  ...[-1, 1.5, Number.NaN, '2', undefined].flatMap((value): [unknown, RegExp][] => [
    [{ ...hardState, term: value }, /the term of the hard state must be an integer/],
    [{ ...hardState, commit: value }, /the commit of the hard state must be an integer/],
  ]),
  [{ ...hardState, vote: 1 }, /the vote of the hard state must be a bigint, got 1/],
  [{ ...hardState, term: 3, vote: -1n }, /vote of the hard state must be from 0/],
  [{ ...hardState, term: 3, vote: 2n ** 64n }, /vote of the hard state must be from 0/],
  [{ ...hardState, term: 1 }, /the term of the hard state goes back from 2 to 1/],
  [{ ...hardState, vote: 2n }, /the vote in term 2 changes from 1 to 2/],
  [{ ...hardState, vote: 0n }, /the vote in term 2 changes from 1 to 0/],
  [{ ...hardState, commit: 4 }, /the commit index goes back from 5 to 4/],
  [{ ...hardState, commit: 10 }, /the commit index 10 is above the last index 9/],
];

describe('a batch', () => {
  it.each(badEntries)('with the entries %j is refused: %s, %s', (list, code, message) => {
    expect(() => log.acceptSave(batchOf({ entries: list }))).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
    expect(log.acceptSave({})).toEqual(emptyPlan);
    expect(log.acceptSave({ entries: [entry(10, 2)] }).truncateFrom).toBeUndefined();
  });

  it.each(badHardStates)('with the hard state %o is refused: %s', (given, message) => {
    expect(() => log.acceptSave(batchOf({ hardState: given }))).toThrow(
      expect.objectContaining({
        code: 'WAL_INVALID',
        message: expect.stringMatching(message),
      }),
    );
    expect(log.hardState).toEqual(hardState);
  });

  it('may have each type of entry, no data, and the largest index and term', () => {
    const types = [EntryType.Normal, EntryType.ConfChange, EntryType.ConfChangeV2];
    const each = types.map((type, at) => ({ index: 10 + at, term: 2, type, data: undefined }));
    expect(log.acceptSave({ entries: each }).entries).toEqual(each);
    const largest = 2 ** 53 - 1;
    log.acceptSave({ snapshot: marker(largest - 1, largest) });
    expect(log.acceptSave({ entries: [entry(largest, largest)] }).durable).toBe(true);
  });

  it('may vote once in a term', () => {
    log.acceptSave({ hardState: { term: 3, vote: 0n, commit: 5 } });
    log.acceptSave({ hardState: { term: 3, vote: 2n ** 64n - 1n, commit: 5 } });
    expect(log.hardState.vote).toBe(2n ** 64n - 1n);
  });

  it('that starts before the log is refused, and the message names the first index', () => {
    log.acceptPurge(4);
    expect(() => log.acceptSave({ entries: [entry(4, 2)] })).toThrow(
      'start before the log, whose first index is 5',
    );
    expect(() => log.acceptSave({ entries: [entry(5, 2)] })).toThrow('would replace committed');
    expect(log.acceptSave({ entries: [entry(6, 2)] }).truncateFrom).toBe(6);
  });

  it('is checked against the entry before its first one', () => {
    log.acceptSave({ entries: entries(8, 9, 4) });
    // Entry 7 has term 2, and entry 8, which is replaced, has term 4.
    expect(log.acceptSave({ entries: [entry(8, 3)] }).truncateFrom).toBe(8);
    expect(() => log.acceptSave({ entries: [entry(9, 2)] })).toThrow('below term 3');
    const beside = { snapshot: marker(7, 2), entries: [entry(8, 2)] };
    expect(log.acceptSave(beside)).toMatchObject({ resets: false, truncateFrom: 8 });
  });
});

describe('a snapshot', () => {
  it.each<[unknown, string, RegExp]>([
    [null, 'WAL_INVALID', /the metadata of a snapshot must be an object, got null/],
    ['text', 'WAL_INVALID', /the metadata of a snapshot must be an object, got text/],
    [marker(1.5, 1), 'WAL_INVALID', /the index of a snapshot must be an integer/],
    [marker(7, Number.NaN), 'WAL_INVALID', /the term of a snapshot must be an integer/],
    [marker(7, 0), 'WAL_INVALID', /both 0 or both above 0/],
    [marker(0, 7), 'WAL_INVALID', /both 0 or both above 0/],
    [marker(5, 3), 'WAL_INVALID', /but the committed entry there has term 2/],
    [marker(7, 2, -1n), 'WAL_INVALID', /a member of confState.voters must be from 0/],
    [{ index: 7, term: 2 }, 'WAL_INVALID', /confState needs the list voters/],
  ])('that is %o is refused: %s, %s', (snapshot, code, message) => {
    expect(() => log.acceptSave(batchOf({ snapshot }))).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
    expect(log.acceptSave({})).toEqual(emptyPlan);
  });

  it.each(['voters', 'learners', 'votersOutgoing', 'learnersNext'] as const)(
    'needs the list %s with ids',
    (list) => {
      const { confState } = marker(7, 2);
      for (const value of [undefined, 'text', [2n ** 64n], ['id']]) {
        const snapshot = { index: 7, term: 2, confState: { ...confState, [list]: value } };
        expect(() => log.acceptSave(batchOf({ snapshot }))).toThrow(list);
      }
    },
  );

  it('is copied with all its members', () => {
    const lists = { voters: [1n], learners: [2n], votersOutgoing: [3n], learnersNext: [4n] };
    const confState = { ...lists, autoLeave: true };
    const { marker: stored } = log.acceptSave({ snapshot: { index: 7, term: 2, confState } });
    for (const list of Object.values(lists)) list.push(9n);
    expect(stored).toEqual({
      index: 7,
      term: 2,
      confState: {
        voters: [1n],
        learners: [2n],
        votersOutgoing: [3n],
        learnersNext: [4n],
        autoLeave: true,
      },
    });
  });

  it('must not be older than the newest one or the start of the log', () => {
    log.acceptSave({ snapshot: marker(7, 2) });
    const code = 'WAL_SNAPSHOT_OUT_OF_DATE';
    expect(() => log.acceptSave({ snapshot: marker(6, 2) })).toThrow(
      expect.objectContaining({ code }),
    );
    expect(log.acceptSave({ snapshot: marker(7, 2) }).resets).toBe(false);
    log.acceptSave({ hardState: { ...hardState, commit: 9 } });
    log.acceptPurge(9);
    expect(() => log.acceptSave({ snapshot: marker(8, 2) })).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe('a purge', () => {
  it.each([-1, 1.5, Number.NaN, 2 ** 53])('to %s is refused', (toIndex) => {
    expect(() => log.acceptPurge(toIndex)).toThrow(
      'toIndex of a purge must be an integer from 0 to 2^53 - 1',
    );
  });

  it('above the last index is refused, whatever the commit index says', () => {
    const ahead = new LogState(new TermIndex(), { term: 1, vote: 0n, commit: 5 });
    expect(() => new AcceptedLog(ahead, 1000).acceptPurge(3)).toThrow(
      expect.objectContaining({ code: 'WAL_INVALID', message: expect.stringContaining('last') }),
    );
  });
});
