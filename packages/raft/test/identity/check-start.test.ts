/**
 * A start checks that its directories belong together. These tests try each bound of the checks.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import {
  checkMachine,
  checkNothingWithoutLog,
  checkOwner,
  checkRecord,
} from '../../src/identity/check-start.ts';
import { markAt } from '../../src/identity/entry-marks.ts';
import type { IdentityRecord } from '../../src/identity/identity-record.ts';
import { encodeLogIdentity } from '../../src/identity/log-identity.ts';

const hex = (digit: string): string => digit.repeat(32);
const lastIndex = 10;

const entry = (index: number, text = 'entry', type: EntryType = EntryType.Normal): Entry => ({
  index,
  term: 1,
  type,
  data: Buffer.from(text),
});

/** A log of ten entries. */
const logOf = (make: (index: number) => Entry = (index) => entry(index)) => ({
  firstIndex: () => 1,
  lastIndex: () => lastIndex,
  term: () => 1,
  entries: (lo: number) => [make(lo)],
});

const record: IdentityRecord = {
  logId: hex('1'),
  cluster: { origin: hex('a'), birth: undefined, previous: [] },
  startCount: 3,
  committedIndex: 0,
  members: new Map(),
};

/** The code that it is refused with, or `fine`. */
function outcome(check: () => unknown): string {
  try {
    check();
    return 'fine';
  } catch (error) {
    return String(Reflect.get(Object(error), 'code'));
  }
}

const check = (
  change: Partial<IdentityRecord>,
  discardsTail = false,
  storage = logOf(),
): string => {
  const identity = encodeLogIdentity({ logId: hex('1'), origin: hex('a') });
  const opened = { metadata: { identity }, storage } as never;
  return outcome(() => checkRecord(opened, { ...record, ...change }, discardsTail));
};

describe('a log and the record beside it', () => {
  it.each([
    [lastIndex - 1, 'fine'],
    [lastIndex, 'fine'],
    [lastIndex + 1, 'RAFT_LOG_OLDER'],
  ])(
    'of which the record says that it was committed up to %i of 10',
    (committedIndex, expected) => {
      expect(check({ committedIndex })).toBe(expected);
      expect(check({ committedIndex }, true)).toBe('fine');
    },
  );

  it('belong together by the id of the log', () => {
    expect(check({ logId: hex('2') })).toBe('RAFT_OTHER_LOG');
  });

  it.each([
    [lastIndex, 'fine'],
    [lastIndex + 1, 'RAFT_LOG_OLDER'],
  ])('belong together by an entry, at index %i', (index, expected) => {
    const own = markAt(logOf(), lastIndex);
    const boundTo = { index, term: 1, checksum: own?.checksum ?? 0 };
    expect(check({ boundTo })).toBe(expected);
  });

  it('do not belong together where that entry is another one', () => {
    const boundTo = { index: 5, term: 1, checksum: 5 };
    expect(check({ boundTo })).toBe('RAFT_OTHER_LOG');
    // Another term means that the entry was replaced, which can happen to uncommitted entries.
    expect(check({ boundTo: { ...boundTo, term: 2 } })).toBe('fine');
  });

  it('do not belong together where that entry has the same bytes and another type', () => {
    const own = markAt(logOf(), 5);
    const boundTo = own ?? { index: 5, term: 1, checksum: 0 };
    const changes = logOf((index) => entry(index, 'entry', EntryType.ConfChange));
    expect([check({ boundTo }), check({ boundTo }, false, changes)]).toEqual([
      'fine',
      'RAFT_OTHER_LOG',
    ]);
  });

  it('have marks of the first and the last entry, and not beyond them', () => {
    const log = logOf() as never;
    expect([0, 1, 10, 11].map((index) => markAt(log, index)?.index)).toEqual([
      undefined,
      1,
      10,
      undefined,
    ]);
  });
});

describe('a log and the snapshots beside it', () => {
  const owner = { logId: hex('1'), startCount: 3, recordedIndex: 5, committedIndex: lastIndex };
  const log = { newestMarkerIndex: 5, lastIndex, mayBeOlder: false };

  it.each([
    ['the same', {}, 'fine'],
    ['one start more', { startCount: 4 }, 'RAFT_LOG_OLDER'],
    ['one start less', { startCount: 2 }, 'fine'],
    ['a marker that the log lacks', { recordedIndex: 6 }, 'RAFT_LOG_OLDER'],
    ['an older marker', { recordedIndex: 4 }, 'fine'],
    ['an entry that the log lacks', { committedIndex: lastIndex + 1 }, 'RAFT_LOG_OLDER'],
    ['an entry less', { committedIndex: lastIndex - 1 }, 'fine'],
    ['another log', { logId: hex('2') }, 'RAFT_OTHER_LOG'],
  ])('whose folder knows %s', (_, change, expected) => {
    expect(outcome(() => checkOwner({ ...owner, ...change }, record, log))).toBe(expected);
    // A recovery goes on with the existing data when it is of this log.
    const recovered = outcome(() =>
      checkOwner({ ...owner, ...change }, record, { ...log, mayBeOlder: true }),
    );
    expect(recovered).toBe(expected === 'RAFT_OTHER_LOG' ? expected : 'fine');
  });
});

describe('a state machine', () => {
  it('belongs to the log that it names', () => {
    expect(outcome(() => checkMachine(undefined, hex('1'), 5))).toBe('fine');
    expect(outcome(() => checkMachine(hex('1'), hex('1'), 5))).toBe('fine');
    expect(outcome(() => checkMachine(hex('2'), hex('1'), 0))).toBe('RAFT_OTHER_LOG');
  });
});

describe('directories without a log', () => {
  const owner = { logId: hex('1'), startCount: 0, recordedIndex: 0, committedIndex: 0 };

  it('must not hold anything that belonged to one', () => {
    expect(outcome(() => checkNothingWithoutLog(undefined, [], 0))).toBe('fine');
    expect(outcome(() => checkNothingWithoutLog(owner, [], 0))).toBe('RAFT_LOG_LOST');
    expect(outcome(() => checkNothingWithoutLog(undefined, [1], 0))).toBe('RAFT_LOG_LOST');
    expect(outcome(() => checkNothingWithoutLog(undefined, [], 1))).toBe('RAFT_LOG_LOST');
  });
});
