/**
 * The calls for a node that cannot do its work, because its disk hangs or its process was stopped
 * for a while: a leader steps down, a node starts no campaign, and a leader treats the others as
 * inactive until they answer.
 *
 * etcd's raft has no such calls. A node that does not use them behaves like etcd's.
 */

import { hex } from '../describe/names.ts';
import { none } from '../ids.ts';
import type { RaftState } from '../state/raft-state.ts';
import { StateType } from '../ready.ts';
import { broadcastHeartbeat } from '../replication/heartbeats.ts';
import { becomeFollower } from './role-changes.ts';

/**
 * Makes a leader a follower of the same term, without a known leader. It keeps its vote for itself,
 * so it elects nobody else in that term, and no hard state has to be written.
 */
export function stepDown(raft: RaftState): void {
  if (raft.state !== StateType.Leader) return;
  raft.config.logger?.log(
    'warn',
    () => `${hex(raft.id)} stepped down to follower at term ${raft.term} as it was asked to`,
  );
  becomeFollower(raft, raft.term, none);
}

/**
 * Marks every other member as inactive until it answers, and asks for an answer with heartbeats.
 * The next quorum check follows a whole election timeout later.
 */
export function doubtMembers(raft: RaftState): void {
  if (raft.state !== StateType.Leader) return;
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) member.recentActive = false;
  }
  raft.electionElapsed = 0;
  broadcastHeartbeat(raft);
}

/** Whether this node was told not to campaign; if so, logs why no election starts. */
export function holdsCampaignBack(raft: RaftState): boolean {
  if (!raft.withholdsCampaigns) return false;
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} does not campaign at term ${raft.term}: campaigns are withheld`,
  );
  return true;
}
