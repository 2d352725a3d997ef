/**
 * The outgoing messages. Answers to vote requests and appends wait until everything that is
 * unstable now is durable; all other messages may be sent at once. The caller sets the term of
 * messages about votes; all others get the term of the node.
 *
 * Source: etcd-io/raft `raft.go`, `send`; docs/raft-behaviour.md, section 2.4.
 */

import { MessageType, type MessageDraft } from '@babuza/raftpb';
import { messageTypeName } from '../describe/names.ts';
import { panic } from '../logger.ts';
import type { RaftState } from '../state/raft-state.ts';
import { traceSend } from '../trace/trace.ts';

/** Sends a message that `RaftState.draft` has made. The caller must not change it afterwards. */
export function send(raft: RaftState, draft: MessageDraft): void {
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
      // Followers forward these two, so they carry no term: a leader of any term may handle them.
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
