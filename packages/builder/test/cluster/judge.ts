/**
 * The verdict on a cluster whose world is healed and whose clients have ended: all members come to
 * the same end, nobody waits for ever, and everybody knows who belongs to the cluster, also who
 * leads next.
 */
import type { ClusterInfo } from '@babuza/raft';
import type { Life } from './life.ts';
import type { Member } from './member.ts';

/** What is wrong, in words; nothing once all is well. */
export type Complaint = string | undefined;

/** Replicas are the same, and nobody waits for anything. */
export function unfinished(lives: readonly Life[]): Complaint {
  const leader = leaderOf(lives);
  if (leader === undefined) return 'nobody leads';
  const members = membersOf(lives);
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
 * Members that have applied the same know the same members, in their state, their core and their
 * transport.
 */
export function membershipDiffers(lives: readonly Life[]): Complaint {
  const leader = leaderOf(lives);
  if (leader === undefined) return 'nobody leads';
  const expected = textOf(leader.raft.clusterInfo());
  const { members, removed } = leader.raft.clusterInfo();
  const ids = members.map(({ id }) => id);
  const counted = leader.raft.status().progress.map(({ id }) => id);
  if (sorted(counted) !== sorted(ids)) {
    return `the core of leader ${leader.raft.nodeId} counts ${sorted(counted)}, members are ${sorted(ids)}`;
  }
  for (const { raft, transport } of membersOf(lives)) {
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

/** The core of each member counts the voters of the membership, and no others. */
export function quorumDiffers(
  members: readonly Pick<Member, 'id' | 'life' | 'newestSnapshot'>[],
): Complaint {
  const leader = leaderOf(members.flatMap(({ life }) => life ?? []));
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

const isAmong = (known: ClusterInfo['members'], { id, life }: Pick<Member, 'id' | 'life'>) =>
  life !== undefined && known.some((member) => member.id === id);

export function leaderOf(lives: readonly Life[]): Life | undefined {
  return lives.find(({ raft }) => raft.status().role === 'leader');
}

/** Those that the leader knows as members. */
export function membersOf(lives: readonly Life[]): Life[] {
  const ids = leaderOf(lives)
    ?.raft.clusterInfo()
    .members.map(({ id }) => id);
  if (ids === undefined) return [];
  return lives.filter(({ raft }) => ids.includes(raft.nodeId));
}

const sorted = (ids: readonly bigint[]): string =>
  [...ids].sort((a, b) => (a < b ? -1 : 1)).join(' ');

function textOf({ members, removed }: ClusterInfo): string {
  const lines = members.map(({ id, address, role }) => `${id} ${role} ${address}`);
  return `${lines.join(', ')}; removed ${sorted(removed)}`;
}
