/**
 * Checks that enough voters answer after a change of the membership, as etcd's strict
 * reconfiguration check does. A change that leaves fewer than a quorum of answering voters can be
 * committed by the old voters, and nothing can be committed after it.
 */
import type { Membership } from './membership.ts';

export interface AnsweringMembers {
  readonly nodeId: bigint;
  /** Whether this member has answered the leader recently. */
  readonly answers: (id: bigint) => boolean;
}

/**
 * Why the change would cost the quorum; `undefined` when it does not, or does not change the
 * voters.
 */
export function quorumProblem(
  before: Membership,
  after: Membership,
  { nodeId, answers }: AnsweringMembers,
): string | undefined {
  const voters = votersOf(after);
  if (voters.join() === votersOf(before).join()) return undefined;
  const silent = voters.filter((id) => id !== nodeId && !answers(id));
  const quorum = Math.floor(voters.length / 2) + 1;
  const answering = voters.length - silent.length;
  if (answering >= quorum) return undefined;
  return `after this change ${quorum} of the voters ${voters.join(', ')} would have to answer for anything to be committed, and ${answering} do; no answer from ${silent.join(', ')}. Add a member through a learner (addVotingPeer does), or bring the silent members back first; { force: true } makes the change anyway`;
}

/** Ascending by id. */
function votersOf({ members }: Membership): readonly bigint[] {
  return [...members.values()].filter(({ role }) => role === 'voter').map(({ id }) => id);
}
