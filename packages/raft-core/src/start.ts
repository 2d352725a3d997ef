/**
 * How a node starts: with the hard state, the membership and the log of its storage.
 *
 * Source: etcd-io/raft `raft.go`, `newRaft`, `loadState`; docs/raft-behaviour.md, section 16.1.
 */

import type { ConfState, HardState } from '@babuza/raftpb';
import { hex } from './describe/names.ts';
import { becomeFollower } from './election/role-changes.ts';
import { messageOf } from './errors.ts';
import { none } from './ids.ts';
import { RaftLog } from './log/raft-log.ts';
import { panic } from './logger.ts';
import { restoreConfState } from './membership/membership.ts';
import { isEmptyHardState } from './ready.ts';
import type { ResolvedConfig } from './resolved-config.ts';
import { RaftState } from './state/raft-state.ts';
import { traceEvent } from './trace/trace.ts';
import { votersOf } from './tracker/membership-config.ts';

/**
 * Returns the state of a node that continues from its storage, as a follower.
 *
 * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the storage does not hold a state to start from.
 */
export function startRaft(config: ResolvedConfig): RaftState {
  const raft = new RaftState(config, openLog(config));
  const { hardState, confState } = readInitialState(raft);
  traceEvent(raft, 'InitState');
  restoreConfState(raft, confState);
  if (!isEmptyHardState(hardState)) loadHardState(raft, hardState);
  if (config.applied > 0) raft.log.appliedTo(config.applied, []);
  becomeFollower(raft, raft.term, none);
  const { log, tracker } = raft;
  config.logger?.log('info', () => {
    const peers = votersOf(tracker.config).map((id) => hex(id));
    return (
      `newRaft ${hex(raft.id)} [peers: [${peers.join(',')}], term: ${raft.term}, ` +
      `commit: ${log.committed}, applied: ${log.applied}, lastindex: ${log.lastIndex()}, ` +
      `lastterm: ${log.lastTerm()}]`
    );
  });
  return raft;
}

function openLog({ storage, maxCommittedSizePerReady, logger }: ResolvedConfig): RaftLog {
  try {
    return new RaftLog(storage, maxCommittedSizePerReady, logger);
  } catch (error) {
    return panic(logger, messageOf(error), error);
  }
}

function readInitialState(raft: RaftState): { hardState: HardState; confState: ConfState } {
  try {
    return raft.config.storage.initialState();
  } catch (error) {
    return panic(raft.config.logger, messageOf(error), error);
  }
}

function loadHardState(raft: RaftState, { term, vote, commit }: HardState): void {
  const { log } = raft;
  if (commit < log.committed || commit > log.lastIndex()) {
    panic(
      raft.config.logger,
      `${hex(raft.id)} state.commit ${commit} is out of range ` +
        `[${log.committed}, ${log.lastIndex()}]`,
    );
  }
  log.committed = commit;
  raft.term = term;
  raft.vote = vote;
}
