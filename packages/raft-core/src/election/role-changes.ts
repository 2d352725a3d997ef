/**
 * The changes of role. Follower, candidate and leader start with a `reset` of everything that
 * belongs to a role. A pre-candidate keeps it, so that a failed pre-election changes nothing.
 *
 * Source: etcd-io/raft `raft.go`, `reset`, `becomeFollower` and the like; docs/raft-behaviour.md,
 * section 1.2.
 */

import { EntryType } from '@babuza/raftpb';
import { hex } from '../describe/names.ts';
import { RaftPanicError } from '../errors.ts';
import { none } from '../ids.ts';
import { panic } from '../logger.ts';
import { appendEntries } from '../replication/append-entries.ts';
import type { RaftState } from '../state/raft-state.ts';
import { ReadOnlyQueue } from '../state/read-only-queue.ts';
import { StateType } from '../ready.ts';
import { traceEvent } from '../trace/trace.ts';

export function becomeFollower(raft: RaftState, term: number, lead: bigint): void {
  reset(raft, term);
  raft.lead = lead;
  raft.state = StateType.Follower;
  raft.config.logger?.log('info', () => `${hex(raft.id)} became follower at term ${term}`);
  traceEvent(raft, 'BecomeFollower');
}

/** Keeps term, vote and timers: a pre-election only asks whether an election could be won. */
export function becomePreCandidate(raft: RaftState): void {
  refuseFromLeader(raft, 'pre-candidate');
  raft.tracker.votes.clear();
  raft.lead = none;
  raft.state = StateType.PreCandidate;
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} became pre-candidate at term ${raft.term}`,
  );
}

export function becomeCandidate(raft: RaftState): void {
  refuseFromLeader(raft, 'candidate');
  reset(raft, raft.term + 1);
  raft.vote = raft.id;
  raft.state = StateType.Candidate;
  raft.config.logger?.log('info', () => `${hex(raft.id)} became candidate at term ${raft.term}`);
  traceEvent(raft, 'BecomeCandidate');
}

export function becomeLeader(raft: RaftState): void {
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
  // The log may hold an unapplied membership change of an earlier leader, at worst as its last
  // entry. No further change is accepted before that index is applied.
  raft.pendingConfIndex = raft.log.lastIndex();
  traceEvent(raft, 'BecomeLeader');
  // Only entries of the leader's own term are committed by counting acknowledgments. This empty one
  // commits the entries of earlier terms with it.
  if (!appendEntries(raft, [{ index: 0, term: 0, type: EntryType.Normal }])) {
    panic(raft.config.logger, 'empty entry was dropped');
  }
  raft.config.logger?.log('info', () => `${hex(raft.id)} became leader at term ${raft.term}`);
}

function reset(raft: RaftState, term: number): void {
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
 * Returns `electionTick` to `2 * electionTick - 1` ticks, at random, so that two nodes seldom
 * campaign at the same time.
 */
function drawElectionTimeout({ config }: RaftState): number {
  const { electionTick } = config;
  const drawn = Math.floor(config.random() * electionTick);
  // A `random` that returns a number outside [0, 1) or NaN must not spoil the timeout.
  const extra = drawn >= 0 && drawn < electionTick ? drawn : electionTick - 1;
  return electionTick + extra;
}

function refuseFromLeader(raft: RaftState, role: string): void {
  if (raft.state === StateType.Leader) {
    throw new RaftPanicError(`invalid transition [leader -> ${role}]`);
  }
}
