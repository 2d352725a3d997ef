/**
 * Calls for a node that notices that it cannot do its work: its disk hangs, or its process stood still. A leader gives its
 * role up, a node holds its campaigns back, and a leader stops counting on what it knew of the others.
 *
 * etcd's raft has no such calls; nothing here happens unless a call of `RawNode` asks for it.
 */

import { hex } from './describe/names.ts';
import { none } from './ids.ts';
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { broadcastHeartbeat } from './replication.ts';
import { becomeFollower } from './roles.ts';

/**
 * The leader becomes a follower of its own term, without a leader. Its vote of the term stays its own, so nobody else can
 * be elected in that term. Nothing has to be durable for it.
 */
export function stepDown(raft: Raft): void {
  if (raft.state !== StateType.Leader) return;
  raft.config.logger?.log(
    'warn',
    () => `${hex(raft.id)} stepped down to follower at term ${raft.term} as it was asked to`,
  );
  becomeFollower(raft, raft.term, none);
}

/**
 * Every other member counts as inactive until it answers again, and is asked to with a heartbeat. The next check of the
 * quorum is a whole election timeout away.
 */
export function doubtMembers(raft: Raft): void {
  if (raft.state !== StateType.Leader) return;
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) member.recentActive = false;
  }
  raft.electionElapsed = 0;
  broadcastHeartbeat(raft);
}

/** Whether a campaign must not begin. The log line says why an election does not start. */
export function holdsCampaignBack(raft: Raft): boolean {
  if (!raft.withholdsCampaigns) return false;
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} does not campaign at term ${raft.term}: it was told to wait`,
  );
  return true;
}
