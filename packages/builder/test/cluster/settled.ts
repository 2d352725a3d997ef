/**
 * Checks a cluster after all faults were repaired and its clients have stopped. All members must
 * reach the same state, no operation may stay pending, and all must agree on the membership and be
 * able to lead.
 */
import type { ClusterInfo } from '@babuza/raft';
import type { Incarnation } from './incarnation.ts';
import type { Member } from './member.ts';

/** A description of what is still wrong, or `undefined` if nothing is. */
export type Complaint = string | undefined;

/** Checks that all replicas are equal and no operation is pending. */
export function unfinished(incarnations: readonly Incarnation[]): Complaint {
  const leader = leaderOf(incarnations);
  if (leader === undefined) return 'nobody leads';
  const members = membersOf(incarnations);
  const ends = members.map(
    ({ raft, machine }) => `${raft.status().appliedIndex} ${machine.content()}`,
  );
  if (new Set(ends).size !== 1) return 'replicas differ';
  for (const { raft } of members) {
    const { proposals, reads } = raft.status();
    if (proposals.pending > 0) return `${proposals.pending} proposals wait at node ${raft.nodeId}`;
    if (reads.pending > 0) return `${reads.pending} reads wait at node ${raft.nodeId}`;
  }
  return undefined;
}

/**
 * Checks that members with the same applied index have the same membership in their state, core and
 * transport.
 */
export function membershipDiffers(incarnations: readonly Incarnation[]): Complaint {
  const leader = leaderOf(incarnations);
  if (leader === undefined) return 'nobody leads';
  const expected = textOf(leader.raft.clusterInfo());
  const { members, removed } = leader.raft.clusterInfo();
  const ids = members.map(({ id }) => id);
  const counted = leader.raft.status().progress.map(({ id }) => id);
  if (sorted(counted) !== sorted(ids)) {
    return `the core of leader ${leader.raft.nodeId} counts ${sorted(counted)}, members are ${sorted(ids)}`;
  }
  for (const { raft, transport } of membersOf(incarnations)) {
    const { nodeId } = raft;
    const found = textOf(raft.clusterInfo());
    if (found !== expected) return `node ${nodeId} knows ${found}, the leader ${expected}`;
    const told = [...transport.peers.keys()];
    if (sorted(told) !== sorted(ids.filter((id) => id !== nodeId))) {
      return `the transport of node ${nodeId} was told of ${sorted(told)}, members are ${sorted(ids)}`;
    }
    const untold = removed.filter((id) => id !== nodeId && !transport.removed.has(id));
    if (untold.length > 0) {
      return `the transport of node ${nodeId} was not told that ${sorted(untold)} were removed`;
    }
  }
  return undefined;
}

/** Checks that the core of each member counts exactly the voters of the membership. */
export function quorumDiffers(
  members: readonly Pick<Member, 'id' | 'incarnation' | 'newestSnapshot'>[],
): Complaint {
  const leader = leaderOf(members.flatMap(({ incarnation }) => incarnation ?? []));
  if (leader === undefined) return 'nobody leads';
  const known = leader.raft.clusterInfo().members;
  for (const { id, newestSnapshot } of members.filter((member) => isAmong(known, member))) {
    const counted = newestSnapshot?.confState;
    for (const [role, ids] of [
      ['voter', counted?.voters ?? []],
      ['learner', counted?.learners ?? []],
    ] as const) {
      const expected = known.filter((member) => member.role === role).map((member) => member.id);
      if (sorted(ids) !== sorted(expected)) {
        return `the core of node ${id} counts ${sorted(ids)} as ${role}s, the membership ${sorted(expected)}`;
      }
    }
    if (counted?.votersOutgoing.length !== 0) return `the core of node ${id} is in two quorums`;
  }
  return undefined;
}

const isAmong = (
  known: ClusterInfo['members'],
  { id, incarnation }: Pick<Member, 'id' | 'incarnation'>,
) => incarnation !== undefined && known.some((member) => member.id === id);

export function leaderOf(incarnations: readonly Incarnation[]): Incarnation | undefined {
  return incarnations.find(({ raft }) => raft.status().role === 'leader');
}

/** The running nodes that are members according to the leader. */
export function membersOf(incarnations: readonly Incarnation[]): Incarnation[] {
  const ids = leaderOf(incarnations)
    ?.raft.clusterInfo()
    .members.map(({ id }) => id);
  if (ids === undefined) return [];
  return incarnations.filter(({ raft }) => ids.includes(raft.nodeId));
}

const sorted = (ids: readonly bigint[]): string =>
  [...ids].sort((a, b) => (a < b ? -1 : 1)).join(' ');

function textOf({ members, removed }: ClusterInfo): string {
  const lines = members.map(({ id, address, role }) => `${id} ${role} ${address}`);
  return `${lines.join(', ')}; removed ${sorted(removed)}`;
}
