/**
 * The verdict on a cluster whose world is healed and whose clients have ended: all members come to the same end, nobody
 * waits for ever, and everybody knows who belongs to the cluster, also who leads next.
 */
import type { ClusterInfo } from '@babuza/raft';
import type { Life } from './life.ts';

/** What is wrong, in words; nothing once all is well. */
export type Complaint = string | undefined;

/** Replicas are the same, and nobody waits for anything. */
export function unfinished(lives: readonly Life[]): Complaint {
  const leader = leaderOf(lives);
  if (leader === undefined) return 'nobody leads';
  const members = membersOf(lives, leader);
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

/** Members that have applied the same know the same members, in their state, their core and their transport. */
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
  for (const { raft, transport } of membersOf(lives, leader)) {
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

export function leaderOf(lives: readonly Life[]): Life | undefined {
  return lives.find(({ raft }) => raft.status().role === 'leader');
}

function membersOf(lives: readonly Life[], { raft: leader }: Life): Life[] {
  const ids = leader.clusterInfo().members.map(({ id }) => id);
  return lives.filter(({ raft }) => ids.includes(raft.nodeId));
}

const sorted = (ids: readonly bigint[]): string =>
  [...ids].sort((a, b) => (a < b ? -1 : 1)).join(' ');

function textOf({ members, removed }: ClusterInfo): string {
  const lines = members.map(({ id, address, role }) => `${id} ${role} ${address}`);
  return `${lines.join(', ')}; removed ${sorted(removed)}`;
}
