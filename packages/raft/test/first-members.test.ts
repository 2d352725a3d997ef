/** The first members in the replicated state, and snapshots of versions that did not keep them. */
import { describe, expect, it } from 'vitest';
import { firstMembersOf } from '../src/start/first-members.ts';
import { confStateOf, firstMembership } from '../src/membership/membership.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { bytesOf, PlainSessions, textOf } from './support.ts';

const membership = firstMembership([
  { id: 1n, address: 'a' },
  { id: 2n, address: 'b', role: 'learner' },
]);
const confState = confStateOf(membership);

function written(first = firstMembersOf(membership)): Uint8Array {
  const state = new ReplicatedState(new PlainSessions());
  state.membership = membership;
  state.firstMembers = first;
  return state.encode();
}

/** A snapshot as an earlier version wrote it. */
function writtenBefore(): Uint8Array {
  const { firstMembers, ...others } = JSON.parse(textOf(written()));
  expect(firstMembers).toHaveLength(2);
  return bytesOf(JSON.stringify(others));
}

describe('the first members', () => {
  it('lie in every snapshot, whatever the membership is by then', () => {
    const first = [{ id: 7n, address: 'elsewhere', role: 'voter' }] as const;
    const state = new ReplicatedState(new PlainSessions());
    state.restore(written(first), { index: 50, term: 2, confState });
    expect(state.firstMembers).toEqual(first);
    expect(state.encode()).toEqual(written(first));
    const others = [{ id: 8n, address: 'somewhere', role: 'voter' }] as const;
    state.restore(written(others), { index: 60, term: 2, confState });
    expect(state.firstMembers).toEqual(others);
  });

  it('are those of the first snapshot, where a version before wrote it, and unknown in a later one', () => {
    const state = new ReplicatedState(new PlainSessions());
    state.restore(writtenBefore(), { index: 50, term: 2, confState });
    expect(state.firstMembers).toBeUndefined();
    expect(state.encode()).toEqual(writtenBefore());
    state.restore(writtenBefore(), { index: 1, term: 1, confState });
    expect(state.firstMembers).toEqual(firstMembersOf(membership));
    // A snapshot of a member that was not upgraded yet must not remove the known first members.
    state.restore(writtenBefore(), { index: 60, term: 2, confState });
    expect(state.firstMembers).toEqual(firstMembersOf(membership));
  });

  it.each([
    'null',
    '{}',
    '[7]',
    '[{ "id": 1, "address": "a", "role": "voter" }]',
    '[{ "id": "1", "address": "a", "role": "observer" }]',
    '[{ "id": "1", "role": "voter" }]',
  ])('that are %s are refused', (text) => {
    const json = { ...JSON.parse(textOf(written())), firstMembers: JSON.parse(text) };
    const state = new ReplicatedState(new PlainSessions());
    const restore = (): void =>
      state.restore(bytesOf(JSON.stringify(json)), { index: 50, term: 2, confState });
    expect(restore).toThrow(expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }));
  });
});
