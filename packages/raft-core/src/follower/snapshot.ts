/**
 * How a follower handles a snapshot of the leader. The snapshot replaces log and membership, unless
 * the log already has the entry that the snapshot ends with.
 *
 * Source: etcd-io/raft `raft.go`, `handleSnapshot`, `restore`; docs/raft-behaviour.md, section
 * 15.3.
 */

import { emptyConfState, MessageType, type Message, type Snapshot } from '@babuza/raftpb';
import { describeConfState } from '../describe/configuration.ts';
import { hex } from '../describe/names.ts';
import { none } from '../ids.ts';
import { restoreConfState } from '../membership/membership.ts';
import { send } from '../messages/outbox.ts';
import type { RaftState } from '../state/raft-state.ts';
import { StateType } from '../ready.ts';
import { becomeFollower } from '../election/role-changes.ts';

const emptySnapshot: Snapshot = Object.freeze({
  metadata: Object.freeze({ confState: emptyConfState, index: 0, term: 0 }),
});

/** A message without snapshot counts as one with an empty snapshot: ignored, and answered. */
export function handleSnapshot(raft: RaftState, message: Message): void {
  const snapshot = message.snapshot ?? emptySnapshot;
  const { index, term } = snapshot.metadata;
  const restored = restore(raft, snapshot);
  raft.config.logger?.log(
    'info',
    () =>
      `${hex(raft.id)} [commit: ${raft.log.committed}] ${restored ? 'restored' : 'ignored'} ` +
      `snapshot [index: ${index}, term: ${term}]`,
  );
  const response = raft.draft(MessageType.AppResp, message.from);
  response.index = restored ? raft.log.lastIndex() : raft.log.committed;
  send(raft, response);
}

/** Returns whether the snapshot has replaced the log. */
function restore(raft: RaftState, snapshot: Snapshot): boolean {
  const { log } = raft;
  const { logger } = raft.config;
  const { index, term, confState } = snapshot.metadata;
  const self = hex(raft.id);
  if (index <= log.committed) return false;
  if (raft.state !== StateType.Follower) {
    logger?.log(
      'warn',
      () => `${self} attempted to restore snapshot as leader; should never happen`,
    );
    becomeFollower(raft, raft.term + 1, none);
    return false;
  }
  const { voters, learners, votersOutgoing } = confState;
  if (![voters, learners, votersOutgoing].some((ids) => ids.includes(raft.id))) {
    logger?.log(
      'warn',
      () =>
        `${self} attempted to restore snapshot but it is not in the ConfState ` +
        `${describeConfState(confState)}; should never happen`,
    );
    return false;
  }
  const ends = (): string =>
    `${self} [commit: ${log.committed}, lastindex: ${log.lastIndex()}, lastterm: ${log.lastTerm()}]`;
  if (log.matchTerm(index, term)) {
    logger?.log(
      'info',
      () => `${ends()} fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`,
    );
    log.commitTo(index);
    return false;
  }
  log.restore(snapshot);
  restoreConfState(raft, confState);
  logger?.log('info', () => `${ends()} restored snapshot [index: ${index}, term: ${term}]`);
  return true;
}
