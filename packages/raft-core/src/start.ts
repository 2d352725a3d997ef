/**
 * How a node begins: with what its storage remembers.
 *
 * Source: etcd-io/raft `raft.go`, `newRaft`, `loadState`; docs/raft-behaviour.md, section 16.1.
 */

import type { ConfState, HardState } from '@babuza/raftpb';
import type { ResolvedConfig } from './config.ts';
import { hex } from './describe/names.ts';
import { messageOf } from './errors.ts';
import { none } from './ids.ts';
import { RaftLog } from './log.ts';
import { panic } from './logger.ts';
import { restoreConfState } from './membership.ts';
import type { Raft } from './raft.ts';
import { isEmptyHardState } from './ready.ts';
import { becomeFollower } from './roles.ts';
import { traceEvent } from './trace.ts';
import { votersOf } from './tracker.ts';

/** The log of a new node. */
export function openLog({ storage, maxCommittedSizePerReady, logger }: ResolvedConfig): RaftLog {
  try {
    return new RaftLog(storage, maxCommittedSizePerReady, logger);
  } catch (error) {
    return panic(logger, messageOf(error), error);
  }
}

/** Loads hard state and membership into a new node; its log has found its ends already. */
export function start(raft: Raft): void {
  const { hardState, confState } = readInitialState(raft);
  traceEvent(raft, 'InitState');
  restoreConfState(raft, confState);
  if (!isEmptyHardState(hardState)) loadHardState(raft, hardState);
  if (raft.config.applied > 0) raft.log.appliedTo(raft.config.applied, []);
  becomeFollower(raft, raft.term, none);
  const { log, tracker, config } = raft;
  config.logger?.log('info', () => {
    const peers = votersOf(tracker.config).map((id) => hex(id));
    return (
      `newRaft ${hex(raft.id)} [peers: [${peers.join(',')}], term: ${raft.term}, ` +
      `commit: ${log.committed}, applied: ${log.applied}, lastindex: ${log.lastIndex()}, ` +
      `lastterm: ${log.lastTerm()}]`
    );
  });
}

function readInitialState(raft: Raft): { hardState: HardState; confState: ConfState } {
  try {
    return raft.config.storage.initialState();
  } catch (error) {
    return panic(raft.config.logger, messageOf(error), error);
  }
}

function loadHardState(raft: Raft, { term, vote, commit }: HardState): void {
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
