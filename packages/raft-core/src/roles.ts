/**
 * Changes of role. `reset` begins a role anew: follower, candidate and leader do, a pre-candidate
 * does not, so that asking for votes leaves no trace.
 *
 * Source: etcd-io/raft `raft.go`, `reset`, `becomeFollower` and the like; docs/raft-behaviour.md,
 * section 1.2.
 */

import { EntryType } from '@babuza/raftpb';
import { hex } from './describe/names.ts';
import { RaftPanicError } from './errors.ts';
import { none } from './ids.ts';
import { panic } from './logger.ts';
import { appendEntries } from './proposal.ts';
import type { Raft } from './raft.ts';
import { ReadOnlyQueue } from './read-only.ts';
import { StateType } from './ready.ts';
import { traceEvent } from './trace.ts';

export function becomeFollower(raft: Raft, term: number, lead: bigint): void {
  reset(raft, term);
  raft.lead = lead;
  raft.state = StateType.Follower;
  raft.config.logger?.log('info', () => `${hex(raft.id)} became follower at term ${term}`);
  traceEvent(raft, 'BecomeFollower');
}

/** Term, vote and timers stay: nothing has happened yet. */
export function becomePreCandidate(raft: Raft): void {
  refuseFromLeader(raft, 'pre-candidate');
  raft.tracker.votes.clear();
  raft.lead = none;
  raft.state = StateType.PreCandidate;
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} became pre-candidate at term ${raft.term}`,
  );
}

export function becomeCandidate(raft: Raft): void {
  refuseFromLeader(raft, 'candidate');
  reset(raft, raft.term + 1);
  raft.vote = raft.id;
  raft.state = StateType.Candidate;
  raft.config.logger?.log('info', () => `${hex(raft.id)} became candidate at term ${raft.term}`);
  traceEvent(raft, 'BecomeCandidate');
}

export function becomeLeader(raft: Raft): void {
  if (raft.state === StateType.Follower) {
    throw new RaftPanicError('invalid transition [follower -> leader]');
  }
  reset(raft, raft.term);
  raft.lead = raft.id;
  raft.state = StateType.Leader;
  const own = raft.tracker.progress.get(raft.id);
  if (own !== undefined) {
    own.becomeReplicate();
    own.recentActive = true;
  }
  // The log may hold changes that an earlier leader proposed: until they are known to be applied,
  // as if there were one at the very end.
  raft.pendingConfIndex = raft.log.lastIndex();
  traceEvent(raft, 'BecomeLeader');
  // An entry of the own term, which can be committed by counting, and the older ones with it.
  if (!appendEntries(raft, [{ index: 0, term: 0, type: EntryType.Normal }])) {
    panic(raft.config.logger, 'empty entry was dropped');
  }
  raft.config.logger?.log('info', () => `${hex(raft.id)} became leader at term ${raft.term}`);
}

function reset(raft: Raft, term: number): void {
  if (raft.term !== term) {
    raft.term = term;
    raft.vote = none;
  }
  raft.lead = none;
  raft.electionElapsed = 0;
  raft.heartbeatElapsed = 0;
  raft.randomizedElectionTimeout = drawElectionTimeout(raft);
  raft.leadTransferee = none;
  raft.tracker.votes.clear();
  raft.tracker.resetProgress(raft.id, raft.log.lastIndex());
  raft.pendingConfIndex = 0;
  raft.uncommittedBytes = 0;
  raft.readOnly = new ReadOnlyQueue();
  raft.impossibleClaims.clear();
}

/**
 * From `electionTick` to `2 * electionTick - 1`, so that nodes rarely campaign at the same time.
 */
function drawElectionTimeout({ config }: Raft): number {
  const { electionTick } = config;
  const drawn = Math.floor(config.random() * electionTick);
  // A source that is not quite within [0, 1) must not make the timeout 0 or NaN.
  const extra = drawn >= 0 && drawn < electionTick ? drawn : electionTick - 1;
  return electionTick + extra;
}

function refuseFromLeader(raft: Raft, role: string): void {
  if (raft.state === StateType.Leader) {
    throw new RaftPanicError(`invalid transition [leader -> ${role}]`);
  }
}
