/**
 * How a node that is not the leader passes proposals and requests on to the leader.
 *
 * Source: etcd-io/raft `raft.go`, `stepFollower` (`MsgProp`, `MsgTransferLeader`, `MsgReadIndex`).
 */

import type { Message } from '@babuza/raftpb';
import { hex } from '../describe/names.ts';
import { ProposalDroppedError } from '../errors.ts';
import { none } from '../ids.ts';
import { send } from '../messages/outbox.ts';
import type { RaftState } from '../state/raft-state.ts';

export function forwardProposal(raft: RaftState, message: Message): void {
  if (raft.lead === none) dropProposalWithoutLeader(raft);
  if (raft.config.disableProposalForwarding) {
    raft.config.logger?.log(
      'info',
      () =>
        `${hex(raft.id)} not forwarding to leader ${hex(raft.lead)} at term ${raft.term}; ` +
        'dropping proposal',
    );
    throw new ProposalDroppedError('not-forwarded');
  }
  forward(raft, message);
}

export function dropProposalWithoutLeader(raft: RaftState): never {
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} no leader at term ${raft.term}; dropping proposal`,
  );
  throw new ProposalDroppedError('no-leader');
}

export function forwardToLeader(raft: RaftState, message: Message, what: string): void {
  if (raft.lead !== none) {
    forward(raft, message);
    return;
  }
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} no leader at term ${raft.term}; dropping ${what}`,
  );
}

/**
 * Sends a copy of the message to the leader. The copy keeps the sender, so that the leader can
 * answer it. The message itself belongs to the caller and is not changed.
 */
function forward(raft: RaftState, message: Message): void {
  const copy = raft.draft(message.type, raft.lead);
  if (message.from !== none) copy.from = message.from;
  copy.entries = message.entries;
  if (message.context !== undefined) copy.context = message.context;
  send(raft, copy);
}
