/** The node's own part of the state: what a snapshot replaces, and what it must not change. */
import { emptyConfState } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { firstMembership } from '../src/membership/membership.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { checkStateIsNotAhead } from '../src/start/state-ahead.ts';
import { bytesOf, PlainSessions } from './support.ts';

function filled(): ReplicatedState {
  const state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([{ id: 1n, address: 'address-1' }]);
  state.sessions.register(7, 0);
  state.advanceTime(5000);
  return state;
}

const confState = { ...emptyConfState, voters: [1n] };

describe('the time of the log', () => {
  it('goes forward with the clocks of the proposers, and never back', () => {
    const state = new ReplicatedState(new PlainSessions());
    expect([5, 4, 5, 6, 0].map((ms) => state.advanceTime(ms))).toEqual([5, 5, 5, 6, 6]);
  });
});

describe('a snapshot that is restored', () => {
  it('brings everything of its index along', () => {
    const state = new ReplicatedState(new PlainSessions());
    state.advanceTime(9000);
    state.sessions.register(99, 0);
    state.restore(filled().encode(), { index: 20, term: 3, confState });
    expect([state.appliedIndex, state.appliedTerm, state.timeMs]).toEqual([20, 3, 5000]);
    expect([state.sessions.count, state.sessions.unregister(7, 0)]).toEqual([1, true]);
    expect([state.confState, [...state.membership.members.keys()]]).toEqual([confState, [1n]]);
  });

  it('that cannot be read changes nothing', () => {
    const state = filled();
    const before = state.encode();
    const other = filled();
    other.sessions.register(8, 0);
    other.advanceTime(9000);
    const json = JSON.parse(new TextDecoder().decode(other.encode()));
    for (const broken of [
      { ...json, version: 2 },
      { ...json, timeMs: 0.5 },
      { ...json, sessions: 7 },
      { ...json, members: 7 },
      { ...json, identity: 7 },
      { ...json, firstMembers: 7 },
    ]) {
      const bytes = bytesOf(JSON.stringify(broken));
      const restore = (): void => state.restore(bytes, { index: 20, term: 3, confState });
      expect(restore).toThrow(expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }));
      expect([state.appliedIndex, state.encode()]).toEqual([0, before]);
    }
  });
});

describe('a state on disk', () => {
  const opened = (lastIndex: number): never =>
    ({ storage: { lastIndex: () => lastIndex }, metadata: {} }) as never;

  it.each([
    [9, true],
    [10, true],
    [11, false],
  ])('that has applied %i starts on a log that ends at 10', (appliedIndex, isFine) => {
    const check = (): void => checkStateIsNotAhead({ appliedIndex, logId: undefined }, opened(10));
    if (isFine) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'RAFT_LOG_OLDER' }));
  });
});
