/**
 * How a leader leaves a joint membership by itself.
 *
 * Source: etcd-io/raft `raft.go`, `appliedTo`.
 */

import { EntryType } from '@babuza/raftpb';
import { describeMembership } from '../describe/configuration.ts';
import { codeOf, messageOf } from '../errors.ts';
import { StateType } from '../ready.ts';
import { broadcastAppend } from '../replication/appends.ts';
import { acceptProposal } from '../replication/proposals.ts';
import type { RaftState } from '../state/raft-state.ts';

/**
 * Proposes to leave a joint membership that has `autoLeave`, once it is applied. Called whenever
 * the application has applied entries; a proposal that is dropped is repeated at the next call.
 */
export function leaveJointWhenApplied(raft: RaftState): void {
  const { config } = raft.tracker;
  if (
    !config.autoLeave ||
    raft.state !== StateType.Leader ||
    // The log has a change that is not applied: the one that leaves, or one before it.
    raft.log.applied < raft.pendingConfIndex
  ) {
    return;
  }
  const { logger } = raft.config;
  try {
    // An entry without payload passes the limit on uncommitted bytes.
    const entries = [{ index: 0, term: 0, type: EntryType.ConfChangeV2 }];
    acceptProposal(raft, entries);
    broadcastAppend(raft);
  } catch (error) {
    if (codeOf(error) !== 'RAFT_CORE_PROPOSAL_DROPPED') throw error;
    logger?.log(
      'debug',
      () =>
        'not initiating automatic transition out of joint configuration ' +
        `${describeMembership(config)}: ${messageOf(error)}`,
    );
    return;
  }
  logger?.log(
    'info',
    () =>
      `initiating automatic transition out of joint configuration ${describeMembership(config)}`,
  );
}
