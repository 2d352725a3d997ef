/**
 * The rules of progress and inflights: etcd-io/raft `tracker/progress.go` and
 * `tracker/inflights.go`.
 */

import { describe, expect, it } from 'vitest';
import { describeProgress } from '../src/describe/index.ts';
import { ProgressState } from '../src/index.ts';
import { Inflights } from '../src/tracker/inflights.ts';
import { Progress } from '../src/tracker/progress.ts';
import { at } from './support.ts';

function progressOf(fields: Partial<Progress> & { match: number; next: number }): Progress {
  const { match, next, state, ...rest } = fields;
  const inflights = new Inflights(3, Infinity);
  const progress = new Progress({ id: 2n, match, next, inflights });
  return Object.assign(progress, { state: state ?? ProgressState.Probe }, rest);
}

describe('a rejection', () => {
  it.each([
    // state, match, next, rejected, hint → used, next
    [ProgressState.Replicate, 5, 10, 5, 5, false, 10],
    [ProgressState.Replicate, 5, 10, 4, 4, false, 10],
    [ProgressState.Replicate, 5, 10, 9, 9, true, 6],
    [ProgressState.Probe, 0, 0, 0, 0, false, 0],
    [ProgressState.Probe, 0, 10, 5, 5, false, 10],
    [ProgressState.Probe, 0, 10, 9, 9, true, 9],
    [ProgressState.Probe, 0, 2, 1, 1, true, 1],
    [ProgressState.Probe, 0, 1, 0, 0, true, 1],
    [ProgressState.Probe, 0, 10, 9, 2, true, 3],
    [ProgressState.Probe, 0, 10, 9, 0, true, 1],
    [ProgressState.Probe, 5, 7, 6, 6, true, 6],
    [ProgressState.Probe, 5, 6, 5, 5, false, 6],
    [ProgressState.Probe, 5, 6, 5, 1, false, 6],
  ])(
    'state %i, match %i, next %i: rejected %i, hint %i → %s, next %i',
    (state, match, next, rejected, hint, used, after) => {
      const progress = progressOf({ state, match, next });
      expect(progress.decrease(rejected, hint)).toBe(used);
      expect([progress.match, progress.next]).toEqual([match, after]);
    },
  );

  it('in state Replicate ignores the hint, because the match is known', () => {
    const progress = progressOf({ state: ProgressState.Replicate, match: 5, next: 10 });
    progress.decrease(9, 7);
    expect(progress.next).toBe(6);
  });

  it('in state Probe counts only for the append that was sent last', () => {
    const progress = progressOf({ match: 0, next: 10, msgAppFlowPaused: true });
    expect(progress.decrease(8, 3)).toBe(false);
    expect([progress.next, progress.msgAppFlowPaused]).toEqual([10, true]);
    expect(progress.decrease(9, 3)).toBe(true);
    expect([progress.next, progress.msgAppFlowPaused]).toEqual([4, false]);
  });

  it('never moves next to or below the match', () => {
    const progress = progressOf({ match: 5, next: 10 });
    progress.decrease(9, 1);
    expect(progress.next).toBe(6);
  });

  it('lowers the commit index that counts as sent', () => {
    const probing = progressOf({ match: 0, next: 10, sentCommit: 9 });
    probing.decrease(9, 2);
    expect(probing.sentCommit).toBe(2);
    const replicating = progressOf({
      state: ProgressState.Replicate,
      match: 5,
      next: 10,
      sentCommit: 9,
    });
    replicating.decrease(9, 9);
    expect(replicating.sentCommit).toBe(5);
  });
});

describe('an acknowledgment', () => {
  it.each([
    [2, false, 3, 5],
    [3, false, 3, 5],
    [4, true, 4, 5],
    [5, true, 5, 6],
  ])('of %i with match 3, next 5: %s, match %i, next %i', (index, news, match, next) => {
    const progress = progressOf({ match: 3, next: 5, msgAppFlowPaused: true });
    expect(progress.update(index)).toBe(news);
    expect([progress.match, progress.next]).toEqual([match, next]);
    expect(progress.msgAppFlowPaused).toBe(!news);
  });
});

describe('changes of state', () => {
  it.each([
    [ProgressState.Replicate, 0, 2],
    [ProgressState.Snapshot, 10, 11],
    [ProgressState.Snapshot, 0, 2],
  ])('from state %i with a snapshot at %i to probe: next %i', (state, pendingSnapshot, next) => {
    const progress = progressOf({ state, match: 1, next: 5, pendingSnapshot, sentCommit: 4 });
    progress.becomeProbe();
    expect(progress.state).toBe(ProgressState.Probe);
    expect(progress.next).toBe(next);
    // A change to probe lowers the commit index that counts as sent.
    expect(progress.sentCommit).toBe(Math.min(4, next - 1));
  });

  it('to Replicate: next follows the match', () => {
    const progress = progressOf({ match: 1, next: 5, msgAppFlowPaused: true });
    progress.becomeReplicate();
    expect([progress.state, progress.match, progress.next]).toEqual([
      ProgressState.Replicate,
      1,
      2,
    ]);
    expect(progress.isPaused()).toBe(false);
  });

  it('to Snapshot: paused, next follows the snapshot, and its index counts as sent commit', () => {
    const progress = progressOf({ match: 1, next: 5 });
    progress.becomeSnapshot(10);
    expect([progress.next, progress.pendingSnapshot, progress.sentCommit]).toEqual([11, 10, 10]);
    expect(progress.isPaused()).toBe(true);
    expect(() => progress.sentEntries(1, 1)).toThrow('sending append in unhandled state');
  });

  it('a change of state empties the window', () => {
    const progress = progressOf({ match: 1, next: 5, state: ProgressState.Replicate });
    progress.inflights.add(4, 10);
    progress.becomeProbe();
    expect(progress.inflights.count).toBe(0);
  });

  it('in state Probe an append with entries pauses, an empty one does not', () => {
    const progress = progressOf({ match: 0, next: 1 });
    progress.sentEntries(0, 0);
    expect(progress.isPaused()).toBe(false);
    progress.sentEntries(2, 10);
    expect(progress.isPaused()).toBe(true);
    expect(progress.next).toBe(1);
  });

  it('in state Replicate the pause follows the window after each append, even an empty one', () => {
    const progress = progressOf({ match: 0, next: 1, state: ProgressState.Replicate });
    progress.sentEntries(1, 5);
    progress.sentEntries(2, 5);
    expect([progress.next, progress.isPaused()]).toEqual([4, false]);
    progress.sentEntries(1, 5);
    expect([progress.next, progress.isPaused()]).toEqual([5, true]);
    progress.msgAppFlowPaused = false;
    progress.sentEntries(0, 0);
    expect(progress.isPaused()).toBe(true);
  });

  it.each([
    // commit, sentCommit, next → can bump
    [5, 4, 6, true],
    [5, 5, 6, false],
    // The member knows that all entries sent to it are committed.
    [5, 4, 5, false],
    [9, 4, 6, true],
  ])('commit %i, sent %i, next %i: can bump %s', (commit, sentCommit, next, expected) => {
    const progress = progressOf({ match: 0, next, sentCommit, state: ProgressState.Replicate });
    expect(progress.canBumpCommit(commit)).toBe(expected);
  });

  it('the text of a progress names all unusual values', () => {
    const inflights = new Inflights(1, Infinity);
    inflights.add(123, 1);
    const progress = new Progress({ id: 1n, match: 1, next: 2, inflights, isLearner: true });
    progress.state = ProgressState.Snapshot;
    progress.pendingSnapshot = 123;
    expect(describeProgress(progress)).toBe(
      'StateSnapshot match=1 next=2 learner paused pendingSnap=123 inactive inflight=1[full]',
    );
  });

  it('a copy shares nothing', () => {
    const progress = progressOf({ match: 1, next: 2, state: ProgressState.Replicate });
    progress.inflights.add(1, 7);
    const copy = progress.clone();
    progress.inflights.freeUpTo(1);
    progress.match = 5;
    expect([copy.match, copy.inflights.count, copy.inflights.bytes]).toEqual([1, 1, 7]);
  });
});

describe('appends in flight', () => {
  it.each([
    // limits of count and bytes; full after; freed up to; full again after. Append i has 100 + i
    // bytes and ends at index i.
    [0, Infinity, 0, undefined, undefined],
    [1, Infinity, 1, 1, 2],
    [1, 10, 1, 1, 2],
    [15, Infinity, 15, 6, 22],
    [8, 400, 4, 2, 7],
    [8, 406, 4, 3, 8],
    [15, 408, 5, 1, 6],
  ])(
    'at most %d, %d bytes: full after %i; freed up to %s, full again after %s',
    (count, bytes, fullAt, freed, fullAgain) => {
      const inflights = new Inflights(count, bytes);
      let next = 0;
      const fill = (): void => {
        for (; !inflights.full(); next += 1) inflights.add(next, 100 + next);
      };
      fill();
      expect(next).toBe(fullAt);
      expect(() => inflights.add(next, 1)).toThrow('cannot add into a Full inflights');
      if (freed === undefined) return;
      inflights.freeUpTo(freed);
      fill();
      expect(next).toBe(fullAgain);
    },
  );

  it('are freed in order from the oldest, wherever they are in the ring', () => {
    const inflights = new Inflights(1000, Infinity);
    const expected: [number, number][] = [];
    for (let index = 1; index <= 3000; index += 1) {
      if (inflights.full()) throw new Error('full');
      inflights.add(index, index % 7);
      expected.push([index, index % 7]);
      if (index % 3 === 0) {
        const upTo = index - 40;
        inflights.freeUpTo(upTo);
        while (expected.length > 0 && at(expected, 0)[0] <= upTo) expected.shift();
      }
      expect(inflights.count).toBe(expected.length);
      expect(inflights.bytes).toBe(expected.reduce((sum, [, bytes]) => sum + bytes, 0));
    }
    inflights.freeUpTo(0);
    expect(inflights.count).toBe(expected.length);
    inflights.reset();
    expect([inflights.count, inflights.bytes]).toEqual([0, 0]);
  });
});
