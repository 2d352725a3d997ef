/** The rules of the log. The cases are those of etcd-io/raft `log_test.go`, and more. */

import { EntryType, type Entry } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../src/index.ts';
import { RaftLog } from '../src/log/raft-log.ts';
import { bytesOf, codeOf, entriesOf, logOf, textOf } from './support.ts';

describe('findConflictByTerm: the highest index with a term that is not higher', () => {
  it.each([
    [100, 2, 100],
    [5, 6, 5],
    [5, 5, 5],
    [5, 4, 2],
    [5, 2, 2],
    [5, 1, 0],
    [1, 2, 1],
    [1, 1, 0],
    [0, 0, 0],
  ])('log 1:2,2,5,5,5: (%i, %i) → %i', (index, term, expected) => {
    for (const log of [logOf({ entries: '1:2,2,5,5,5' }), logOf({ unstable: '1:2,2,5,5,5' })]) {
      const found = log.findConflictByTerm(index, term);
      expect(found.index).toBe(expected);
      expect(found.term).toBe(log.term(expected) ?? 0);
    }
  });

  it.each([
    [30, 3, 30],
    [14, 9, 14],
    [14, 4, 14],
    [14, 3, 12],
    [14, 2, 9],
    [11, 5, 11],
    [10, 5, 10],
    [10, 3, 10],
    [10, 2, 9],
    [9, 2, 9],
    [4, 2, 4],
    [0, 0, 0],
  ])('compacted up to (10, term 3), then 3,3,4,4,4: (%i, %i) → %i', (index, term, expected) => {
    const log = logOf({ index: 10, term: 3, entries: '11:3,3,4,4,4' });
    expect(log.findConflictByTerm(index, term).index).toBe(expected);
  });
});

describe('maybeAppend', () => {
  it.each([
    // previous term, previous index, leader's commit, entries → last, committed
    [2, 3, 3, '4:4', undefined, 1],
    [4, 3, 3, '4:4', undefined, 1],
    [3, 4, 3, '5:4', undefined, 1],
    [3, 3, 3, '', 3, 3],
    [3, 3, 4, '', 3, 3],
    [3, 3, 2, '', 3, 2],
    [3, 3, 0, '', 3, 1],
    [0, 0, 3, '', 0, 1],
    [3, 3, 3, '4:4', 4, 3],
    [3, 3, 4, '4:4', 4, 4],
    [3, 3, 5, '4:4', 4, 4],
    [3, 3, 5, '4:4,4', 5, 5],
    [2, 2, 3, '3:4', 3, 3],
    [1, 1, 3, '2:4', 2, 2],
    [1, 1, 3, '2:4,4', 3, 3],
  ])('log 1:1,2,3: (%i, %i), commit %i, %s', (term, index, commit, entries, last, committed) => {
    const log = logOf({ unstable: '1:1,2,3' });
    log.committed = 1;
    expect(log.maybeAppend(index, term, entriesOf(entries), commit)).toBe(last);
    expect(log.committed).toBe(committed);
    if (last !== undefined && entries !== '') {
      expect(textOf(log.slice(index + 1, last + 1, Infinity) ?? [])).toBe(entries);
    }
  });

  it('a conflict at or below the commit index stops the node', () => {
    const log = logOf({ unstable: '1:1,2,3' });
    log.committed = 1;
    expect(() => log.maybeAppend(0, 0, entriesOf('1:4'), 3)).toThrow(
      'entry 1 conflict with committed entry [committed(1)]',
    );
  });

  it('a shorter append that matches never truncates the log or rewrites entries', () => {
    const log = logOf({ unstable: '1:1,1,1' });
    log.unstable.acceptInProgress();
    expect(log.maybeAppend(0, 0, entriesOf('1:1'), 0)).toBe(1);
    expect(log.lastIndex()).toBe(3);
    expect(log.unstable.nextEntries()).toEqual([]);
    expect(log.maybeAppend(1, 1, entriesOf('2:1,1,1'), 0)).toBe(4);
    expect(textOf(log.unstable.nextEntries())).toBe('4:1');
  });

  it('the commit index stays within the entries of the append', () => {
    const log = logOf({ unstable: '1:1,1,2,2' });
    expect(log.maybeAppend(1, 1, entriesOf('2:1'), 4)).toBe(2);
    expect(log.committed).toBe(2);
  });
});

describe('isUpToDate: a later last term, or the same one and at least the same length', () => {
  it.each([
    [2, 4, true],
    [3, 4, true],
    [4, 4, true],
    [2, 2, false],
    [3, 2, false],
    [4, 2, false],
    [2, 3, false],
    [3, 3, true],
    [4, 3, true],
  ])('log 1:1,2,3 and (%i, term %i): %s', (index, term, expected) => {
    expect(logOf({ unstable: '1:1,2,3' }).isUpToDate(index, term)).toBe(expected);
  });
});

describe('term', () => {
  const log = logOf({ index: 100, term: 1, entries: '101:2,3', unstable: '103:4,5' });
  it.each([
    [99, undefined],
    [100, 1],
    [101, 2],
    [102, 3],
    [103, 4],
    [104, 5],
    [105, undefined],
  ])('at %i is %s', (index, expected) => {
    expect(log.term(index)).toBe(expected);
  });

  it('the term of an unstable snapshot is known, and no term before it', () => {
    const restored = logOf({ index: 100, term: 1 });
    restored.restore({
      metadata: {
        confState: {
          voters: [],
          learners: [],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
        index: 105,
        term: 3,
      },
    });
    expect([100, 104, 105, 106].map((index) => restored.term(index))).toEqual([
      undefined,
      undefined,
      3,
      undefined,
    ]);
    expect(restored.firstIndex()).toBe(106);
    expect(restored.lastIndex()).toBe(105);
    expect(restored.committed).toBe(105);
  });

  it('errors of the storage other than the two known ones stop the node', () => {
    class Broken extends MemoryStorage {
      override term(): number {
        throw new Error('disk');
      }
    }
    const storage = new Broken();
    storage.append(entriesOf('1:1'));
    const broken = new RaftLog(storage, Infinity, undefined);
    expect(codeOf(() => broken.term(1))).toBe('RAFT_CORE_PANIC');
  });

  it('errors of the storage about its first and last index stop the node', () => {
    class Closed extends MemoryStorage {
      isClosed = false;

      override firstIndex(): number {
        if (this.isClosed) throw new Error('closed');
        return super.firstIndex();
      }

      override lastIndex(): number {
        if (this.isClosed) throw new Error('closed');
        return super.lastIndex();
      }
    }
    const storage = new Closed();
    const log = new RaftLog(storage, Infinity, undefined);
    storage.isClosed = true;
    const stops = expect.objectContaining({ code: 'RAFT_CORE_PANIC', message: 'closed' });
    expect(() => log.firstIndex()).toThrow(stops);
    expect(() => log.lastIndex()).toThrow(stops);
  });
});

describe('append and commit', () => {
  it.each([
    ['', 2, '1:1,2', 3],
    ['3:2', 3, '1:1,2,2', 3],
    ['1:2', 1, '1:2', 1],
    ['2:3,3', 3, '1:1,3,3', 2],
  ])('append %s to a durable 1:1,2 → last %i, %s, unstable from %i', (added, last, all, offset) => {
    const log = logOf({ entries: '1:1,2' });
    expect(log.append(entriesOf(added))).toBe(last);
    expect(textOf(log.slice(1, log.lastIndex() + 1, Infinity) ?? [])).toBe(all);
    expect(log.unstable.offset).toBe(offset);
  });

  it('appending below the commit index stops the node', () => {
    const log = logOf({ unstable: '1:1,1' });
    log.commitTo(2);
    expect(() => log.append(entriesOf('2:2'))).toThrow('after(1) is out of range [committed(2)]');
  });

  it('the commit index never decreases, and stops the node if it exceeds the log', () => {
    const log = logOf({ unstable: '1:1,2,3' });
    log.commitTo(2);
    log.commitTo(1);
    expect(log.committed).toBe(2);
    expect(() => log.commitTo(4)).toThrow(
      'tocommit(4) is out of range [lastIndex(3)]. Was the raft log corrupted, truncated, or lost?',
    );
  });

  it('maybeCommit commits only an entry of the given term', () => {
    const log = logOf({ unstable: '1:1,2,2' });
    expect(log.maybeCommit(1, 2)).toBe(false);
    expect(log.maybeCommit(3, 2)).toBe(true);
    expect(log.maybeCommit(3, 2)).toBe(false);
    expect(log.maybeCommit(Infinity, 2)).toBe(false);
  });
});

describe('slice', () => {
  const sized = (text: string): Entry[] =>
    entriesOf(text).map((entry) => ({ ...entry, data: bytesOf('123456') }));
  const size = 12;
  const log = new RaftLog(withEntries(sized('1:1,1,1')), Infinity, undefined);
  log.append(sized('4:1,1,1'));

  it.each([
    [1, 1, Infinity, ''],
    [1, 7, Infinity, '1:1,1,1,1,1,1'],
    [2, 4, Infinity, '2:1,1'],
    [4, 6, Infinity, '4:1,1'],
    [1, 7, 0, '1:1'],
    [1, 7, size, '1:1'],
    [1, 7, 2 * size, '1:1,1'],
    [1, 7, 3 * size, '1:1,1,1'],
    // The rest of the limit is too small for an unstable entry, so only stable ones are returned.
    [1, 7, 3 * size + 1, '1:1,1,1'],
    [1, 7, 4 * size - 1, '1:1,1,1'],
    [1, 7, 4 * size, '1:1,1,1,1'],
    [3, 7, size + 1, '3:1'],
    [4, 7, 0, '4:1'],
    [5, 7, 2 * size, '5:1,1'],
  ])('[%i, %i) within %d bytes: %s', (lo, hi, bytesMax, expected) => {
    expect(textOf(log.slice(lo, hi, bytesMax) ?? [])).toBe(expected);
  });

  it('entries that a storage returns beyond the limit are used as they are', () => {
    class Generous extends MemoryStorage {
      override entries(lo: number, hi: number): Entry[] {
        return super.entries(lo, hi, Infinity);
      }
    }
    const storage = new Generous();
    storage.append(sized('1:1,1,1'));
    const generous = new RaftLog(storage, Infinity, undefined);
    generous.append(sized('4:1'));
    expect(textOf(generous.slice(1, 5, size) ?? [])).toBe('1:1,1,1');
    expect(textOf(generous.slice(1, 5, 3 * size) ?? [])).toBe('1:1,1,1');
    expect(textOf(generous.slice(1, 5, 4 * size) ?? [])).toBe('1:1,1,1,1');
  });

  it('fewer entries than requested are the result, without unstable entries after a gap', () => {
    class Meagre extends MemoryStorage {
      override entries(lo: number): Entry[] {
        return super.entries(lo, lo + 1, Infinity);
      }
    }
    const storage = new Meagre();
    storage.append(sized('1:1,1'));
    const meagre = new RaftLog(storage, Infinity, undefined);
    meagre.append(sized('3:1'));
    expect(textOf(meagre.slice(1, 4, Infinity) ?? [])).toBe('1:1');
  });

  it('compacted entries give nothing, and indexes outside the log stop the node', () => {
    const compacted = logOf({ index: 10, term: 1, entries: '11:1' });
    expect(compacted.slice(10, 12, Infinity)).toBeUndefined();
    expect(() => compacted.slice(12, 11, Infinity)).toThrow('invalid slice 12 > 11');
    expect(() => compacted.slice(11, 13, Infinity)).toThrow('slice[11,13) out of bound [11,11]');
  });

  it('a storage that lacks entries within its bounds stops the node', () => {
    class Forgetful extends MemoryStorage {
      override entries(lo: number): Entry[] {
        return super.entries(lo, 1000, Infinity);
      }
    }
    const storage = new Forgetful();
    storage.append(entriesOf('1:1'));
    const forgetful = new RaftLog(storage, Infinity, undefined);
    expect(() => forgetful.slice(1, 2, Infinity)).toThrow(
      'entries[1:2) is unavailable from storage',
    );
  });
});

describe('committed entries that are handed out', () => {
  it('follow applying, not applied, and are durable unless unstable ones are allowed', () => {
    const log = logOf({ entries: '1:1,1', unstable: '3:1,1' });
    log.commitTo(3);
    expect(textOf(log.nextCommittedEntries(true))).toBe('1:1,1,1');
    expect(textOf(log.nextCommittedEntries(false))).toBe('1:1,1');
    log.acceptApplying(log.nextCommittedEntries(false), false);
    expect(log.applying).toBe(2);
    expect(log.applied).toBe(0);
    expect(textOf(log.nextCommittedEntries(true))).toBe('3:1');
    expect(log.hasNextCommittedEntries(false)).toBe(false);
  });

  it('are held back while a snapshot is not durable', () => {
    const log = logOf({ entries: '1:1,1' });
    log.commitTo(2);
    log.restore({
      metadata: {
        confState: {
          voters: [],
          learners: [],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
        index: 2,
        term: 1,
      },
    });
    log.append(entriesOf('3:1'));
    log.commitTo(3);
    expect(log.hasNextCommittedEntries(true)).toBe(false);
    log.unstable.acceptInProgress();
    expect(log.hasNextCommittedEntries(true)).toBe(false);
    log.unstable.stableSnapshotTo(2);
    log.appliedTo(2, []);
    expect(textOf(log.nextCommittedEntries(true))).toBe('3:1');
  });

  it('pause while the limit is used up, and until a cut page was applied', () => {
    const log = logOf({ unstable: '1:1,1,1', bytesMax: 8 });
    log.commitTo(3);
    const page = log.nextCommittedEntries(true);
    expect(textOf(page)).toBe('1:1,1');
    log.acceptApplying(page, true);
    expect(log.nextCommittedEntries(true)).toEqual([]);
    log.appliedTo(2, page);
    expect(textOf(log.nextCommittedEntries(true))).toBe('3:1');
  });

  it('pause below the limit as well, if the limit has cut off entries', () => {
    const log = logOf({ unstable: '1:1,1,1', bytesMax: 1000 });
    log.commitTo(3);
    log.acceptApplying(entriesOf('1:1'), true);
    expect(log.hasNextCommittedEntries(true)).toBe(false);
    log.appliedTo(1, entriesOf('1:1'));
    expect(textOf(log.nextCommittedEntries(true))).toBe('2:1,1');
  });

  it.each([
    [4, 'applied(4) is out of range [prevApplied(2), committed(3)]'],
    [1, 'applied(1) is out of range [prevApplied(2), committed(3)]'],
  ])('applied %i stops the node', (index, text) => {
    const log = logOf({ unstable: '1:1,1,1,1' });
    log.commitTo(3);
    log.appliedTo(2, []);
    expect(() => log.appliedTo(index, [])).toThrow(text);
  });

  it('handing out uncommitted entries stops the node', () => {
    const log = logOf({ unstable: '1:1,1' });
    log.commitTo(1);
    expect(() => log.acceptApplying(entriesOf('1:1,1'), true)).toThrow(
      'applying(2) is out of range [prevApplying(0), committed(1)]',
    );
  });
});

describe('unapplied membership changes', () => {
  it('are found page by page between the applied and the commit index', () => {
    const change = { index: 4, term: 1, type: EntryType.ConfChangeV2 };
    const log = logOf({ unstable: '1:1,1,1', bytesMax: 1 });
    log.append([change, ...entriesOf('5:1')]);
    log.commitTo(3);
    expect(log.hasUnappliedConfChange()).toBe(false);
    log.commitTo(4);
    expect(log.hasUnappliedConfChange()).toBe(true);
    log.appliedTo(4, []);
    log.commitTo(5);
    expect(log.hasUnappliedConfChange()).toBe(false);
  });
});

function withEntries(entries: readonly Entry[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append(entries);
  return storage;
}
