/**
 * The logical clock of a node. A follower or candidate counts the ticks until it campaigns; a
 * leader counts those until its next heartbeats and its next quorum check.
 *
 * Source: etcd-io/raft `raft.go`, `tickElection` and `tickHeartbeat`.
 */

import { campaignOnTimeout } from './election/campaign.ts';
import { checkQuorum } from './election/quorum-check.ts';
import { none } from './ids.ts';
import { StateType } from './ready.ts';
import { broadcastHeartbeat } from './replication/heartbeats.ts';
import type { RaftState } from './state/raft-state.ts';

export function tick(raft: RaftState): void {
  raft.log.tick();
  if (raft.state === StateType.Leader) tickLeader(raft);
  else tickFollower(raft);
}

function tickFollower(raft: RaftState): void {
  raft.electionElapsed += 1;
  if (raft.electionElapsed < raft.randomizedElectionTimeout || !raft.promotable()) return;
  raft.electionElapsed = 0;
  campaignOnTimeout(raft);
}

function tickLeader(raft: RaftState): void {
  raft.heartbeatElapsed += 1;
  raft.electionElapsed += 1;
  if (raft.electionElapsed >= raft.config.electionTick) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) checkQuorum(raft);
    // A leadership transfer that takes longer than an election timeout is aborted.
    if (raft.state === StateType.Leader) raft.leadTransferee = none;
  }
  if (raft.state !== StateType.Leader) return;
  if (raft.heartbeatElapsed >= raft.config.heartbeatTick) {
    raft.heartbeatElapsed = 0;
    broadcastHeartbeat(raft);
  }
}
