/**
 * CheckQuorum: a leader that a partition has cut off from the quorum gives up its role.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader` (`MsgCheckQuorum`); Raft thesis, section 6.2.
 */

import { hex } from '../describe/names.ts';
import { none } from '../ids.ts';
import type { RaftState } from '../state/raft-state.ts';
import { becomeFollower } from './role-changes.ts';

/** Makes the leader step down if it has not heard from a quorum since the last check. */
export function checkQuorum(raft: RaftState): void {
  if (!raft.tracker.quorumActive()) {
    raft.config.logger?.log(
      'warn',
      () => `${hex(raft.id)} stepped down to follower since quorum is not active`,
    );
    becomeFollower(raft, raft.term, none);
  }
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) member.recentActive = false;
  }
}
