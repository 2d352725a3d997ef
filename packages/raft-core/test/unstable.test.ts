/**
 * The rules of the unstable log. The cases are those of etcd-io/raft `log_unstable_test.go`, and
 * more.
 */

import { emptyConfState, type Snapshot } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { Unstable } from '../src/log/unstable.ts';
import { entriesOf, textOf } from './support.ts';

/** An unstable log from `offset` on whose entries below `inProgress` are handed out. */
function unstableOf(entries: string, offset: number, inProgress = offset): Unstable {
  const unstable = new Unstable(offset, undefined);
  const all = entriesOf(entries);
  unstable.truncateAndAppend(all.slice(0, inProgress - offset));
  if (inProgress > offset) unstable.acceptInProgress();
  unstable.truncateAndAppend(all.slice(inProgress - offset));
  return unstable;
}

function snapshotOf(index: number, term: number): Snapshot {
  return { metadata: { confState: emptyConfState, index, term } };
}

function stateOf(unstable: Unstable): unknown[] {
  const { offset, offsetInProgress, length } = unstable;
  return [offset, offsetInProgress, textOf(unstable.slice(offset, offset + length))];
}

describe('append', () => {
  it.each([
    ['5:1', 5, 5, '6:1,1', 5, 5, '5:1,1,1'],
    ['5:1', 5, 6, '6:1,1', 5, 6, '5:1,1,1'],
    ['5:1', 5, 5, '5:2,2', 5, 5, '5:2,2'],
    ['5:1', 5, 5, '4:2,2,2', 4, 4, '4:2,2,2'],
    ['5:1', 5, 6, '5:2,2', 5, 5, '5:2,2'],
    ['5:1,1,1', 5, 5, '6:2', 5, 5, '5:1,2'],
    ['5:1,1,1', 5, 5, '7:2,2', 5, 5, '5:1,1,2,2'],
    ['5:1,1,1', 5, 6, '6:2', 5, 6, '5:1,2'],
    ['5:1,1,1', 5, 7, '6:2', 5, 6, '5:1,2'],
  ])('%s (offset %i, in progress below %i) + %s', (entries, offset, handed, added, ...after) => {
    const unstable = unstableOf(entries, offset, handed);
    unstable.truncateAndAppend(entriesOf(added));
    expect(stateOf(unstable)).toEqual(after);
  });

  it('never changes arrays that were handed out', () => {
    const unstable = unstableOf('5:1,1,1', 5);
    const handedOut = unstable.nextEntries();
    const slice = unstable.slice(5, 8);
    unstable.truncateAndAppend(entriesOf('6:2,2,2'));
    unstable.stableTo(1, 5);
    expect([textOf(handedOut), textOf(slice)]).toEqual(['5:1,1,1', '5:1,1,1']);
  });
});

it('a gap stops the node instead of putting entries at wrong indexes', () => {
  const unstable = unstableOf('5:1,1', 5);
  expect(() => unstable.truncateAndAppend(entriesOf('8:1'))).toThrow(
    expect.objectContaining({
      code: 'RAFT_CORE_PANIC',
      message: 'unstable.slice[5,8) out of bound [5,7]',
    }),
  );
  expect(stateOf(unstable)).toEqual([5, 5, '5:1,1']);
});

describe('first index, last index, term', () => {
  it('the first index is not known without a snapshot', () => {
    expect(unstableOf('5:1', 5).firstIndex()).toBeUndefined();
    expect(unstableOf('', 5).lastIndex()).toBeUndefined();
    expect(unstableOf('5:1,2', 5).lastIndex()).toBe(6);
  });

  it('the first index follows the snapshot, whose term is known', () => {
    const unstable = unstableOf('9:9', 9);
    unstable.restore(snapshotOf(4, 1));
    expect([unstable.firstIndex(), unstable.lastIndex(), unstable.offset]).toEqual([5, 4, 5]);
    unstable.truncateAndAppend(entriesOf('5:2'));
    expect([3, 4, 5, 6].map((index) => unstable.term(index))).toEqual([undefined, 1, 2, undefined]);
    expect(unstable.lastIndex()).toBe(5);
  });
});

describe('entries and snapshots that are next and in progress', () => {
  it('entries are handed out once', () => {
    const unstable = unstableOf('5:1,1', 5);
    expect(textOf(unstable.nextEntries())).toBe('5:1,1');
    unstable.acceptInProgress();
    expect(unstable.hasNextEntries()).toBe(false);
    unstable.truncateAndAppend(entriesOf('7:1'));
    expect(textOf(unstable.nextEntries())).toBe('7:1');
    expect([unstable.offset, unstable.offsetInProgress]).toEqual([5, 7]);
  });

  it('a snapshot is handed out once, and stays known until it is durable', () => {
    const unstable = unstableOf('', 5);
    unstable.restore(snapshotOf(7, 2));
    expect(unstable.nextSnapshot()).toEqual(snapshotOf(7, 2));
    unstable.acceptInProgress();
    expect(unstable.nextSnapshot()).toBeUndefined();
    expect(unstable.snapshot).toEqual(snapshotOf(7, 2));
    unstable.stableSnapshotTo(6);
    expect(unstable.snapshot).toEqual(snapshotOf(7, 2));
    unstable.stableSnapshotTo(7);
    expect(unstable.snapshot).toBeUndefined();
    // The next snapshot is handed out as well.
    unstable.restore(snapshotOf(9, 2));
    expect(unstable.nextSnapshot()).toEqual(snapshotOf(9, 2));
  });
});

it('a snapshot that replaces one in progress is handed out', () => {
  const unstable = unstableOf('', 5);
  unstable.restore(snapshotOf(7, 2));
  unstable.acceptInProgress();
  unstable.restore(snapshotOf(9, 2));
  expect(unstable.nextSnapshot()).toEqual(snapshotOf(9, 2));
});

describe('stableTo', () => {
  it.each([
    // entries, offset, in progress; term, index → offset, in progress, entries
    ['', 5, 5, 1, 5, 5, 5, ''],
    ['5:1', 5, 6, 1, 5, 6, 6, ''],
    ['5:1,1', 5, 7, 1, 5, 6, 7, '6:1'],
    ['6:2', 6, 7, 1, 6, 6, 7, '6:2'],
    ['5:1', 5, 6, 1, 4, 5, 6, '5:1'],
    ['5:1', 5, 6, 1, 6, 5, 6, '5:1'],
    ['5:1,1', 5, 5, 1, 5, 6, 6, '6:1'],
    ['5:1,2', 5, 7, 1, 6, 5, 7, '5:1,2'],
  ])(
    '%s at %i, in progress below %i: (term %i, index %i)',
    (entries, offset, handed, term, index, ...after) => {
      const unstable = unstableOf(entries, offset, handed);
      unstable.stableTo(term, index);
      expect(stateOf(unstable)).toEqual(after);
    },
  );

  it('a report about the snapshot does not change the entries', () => {
    const unstable = unstableOf('', 5);
    unstable.restore(snapshotOf(4, 1));
    unstable.truncateAndAppend(entriesOf('5:1'));
    unstable.stableTo(1, 4);
    expect(stateOf(unstable)).toEqual([5, 5, '5:1']);
    unstable.stableTo(1, 5);
    expect(stateOf(unstable)).toEqual([6, 6, '']);
  });
});

it('a slice outside the unstable entries stops the node', () => {
  const unstable = unstableOf('5:1,1', 5);
  expect(() => unstable.slice(4, 5)).toThrow('unstable.slice[4,5) out of bound [5,7]');
  expect(() => unstable.slice(6, 8)).toThrow('unstable.slice[6,8) out of bound [5,7]');
  expect(() => unstable.slice(6, 5)).toThrow('invalid unstable.slice 6 > 5');
});
