/**
 * Where messages leave. Votes and acknowledgments, granting or not, wait until what is unstable now
 * is durable; all others may go at once. Only votes say which term they are about; all others get
 * the node's.
 *
 * Source: etcd-io/raft `raft.go`, `send`; docs/raft-behaviour.md, section 2.4.
 */

import { MessageType, type MessageDraft } from '@babuza/raftpb';
import { messageTypeName } from './describe/names.ts';
import { panic } from './logger.ts';
import type { Raft } from './raft.ts';
import { traceSend } from './trace.ts';

/** Sends a message that was drafted here. It must not be touched any more. */
export function send(raft: Raft, draft: MessageDraft): void {
  const { type } = draft;
  switch (type) {
    case MessageType.Vote:
    case MessageType.VoteResp:
    case MessageType.PreVote:
    case MessageType.PreVoteResp:
      if (draft.term === 0) {
        panic(raft.config.logger, `term should be set when sending ${messageTypeName(type)}`);
      }
      break;
    default:
      if (draft.term !== 0) {
        panic(
          raft.config.logger,
          `term should not be set when sending ${messageTypeName(type)} (was ${draft.term})`,
        );
      }
      // These two may be forwarded by someone who knows another term.
      if (type !== MessageType.Prop && type !== MessageType.ReadIndex) draft.term = raft.term;
  }
  if (
    type === MessageType.AppResp ||
    type === MessageType.VoteResp ||
    type === MessageType.PreVoteResp
  ) {
    raft.messagesAfterAppend.push(draft);
  } else {
    if (draft.to === raft.id) {
      panic(
        raft.config.logger,
        `message should not be self-addressed when sending ${messageTypeName(type)}`,
      );
    }
    raft.messages.push(draft);
  }
  traceSend(raft, draft);
}
