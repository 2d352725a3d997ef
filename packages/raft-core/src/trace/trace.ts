/**
 * Trace events, with which a run is checked against the TLA+ model of Raft. They are built only if
 * the configuration has a sink. Pre-votes, proposals, reads and leadership transfers are not part
 * of the model.
 *
 * Source: etcd-io/raft `state_trace.go`; docs/raft-behaviour.md, section 17.
 */

import {
  ConfChangeType,
  EntryType,
  MessageType,
  type ConfChangeV2,
  type Entry,
  type Message,
} from '@babuza/raftpb';
import { messageTypeName, stateTypeName } from '../describe/names.ts';
import type { RaftState } from '../state/raft-state.ts';
import type { MembershipConfig } from '../tracker/membership-config.ts';
import type { TracedMessage, TraceEvent } from './events.ts';

type Extra = Pick<TraceEvent, 'msg' | 'prop'>;

/** The names that the model has for the operations of a membership change; it has no others. */
const actions: ReadonlyMap<ConfChangeType, string> = new Map([
  [ConfChangeType.AddNode, 'AddNewServer'],
  [ConfChangeType.RemoveNode, 'RemoveServer'],
  [ConfChangeType.AddLearnerNode, 'AddLearner'],
]);

export function traceEvent(raft: RaftState, name: string, extra?: Extra): void {
  const { trace } = raft.config;
  if (trace === undefined) return;
  const { incoming, outgoing } = raft.tracker.config;
  trace({
    name,
    nid: String(raft.config.id),
    state: { term: raft.term, vote: String(raft.vote), commit: raft.log.committed },
    role: stateTypeName(raft.state),
    log: raft.log.lastIndex(),
    conf: [incoming.map(String), outgoing.map(String)],
    ...extra,
  });
}

/** One event per normal entry, before it is appended. */
export function traceReplicate(raft: RaftState, entries: readonly Entry[]): void {
  if (raft.config.trace === undefined) return;
  for (const { type } of entries) if (type === EntryType.Normal) traceEvent(raft, 'Replicate');
}

/** An event for an accepted proposal of a change that adds or removes a member. */
export function traceProposedChange(raft: RaftState, change: ConfChangeV2): void {
  if (raft.config.trace === undefined) return;
  const changes = change.changes
    .map(({ type, nodeId }) => ({ nid: String(nodeId), action: actions.get(type) }))
    .filter(({ action }) => action !== undefined);
  if (changes.length > 0) traceEvent(raft, 'ChangeConf', { prop: { cc: { changes } } });
}

/** An event for a membership that is about to take effect. */
export function traceAppliedChange(raft: RaftState, config: MembershipConfig): void {
  if (raft.config.trace === undefined) return;
  const newconf = [...config.incoming, ...config.learners].map(String);
  traceEvent(raft, 'ApplyConfChange', { prop: { cc: { newconf } } });
}

export function traceSend(raft: RaftState, message: Message): void {
  if (raft.config.trace !== undefined) traceMessage(raft, 'Send', message);
}

export function traceReceive(raft: RaftState, message: Message): void {
  if (raft.config.trace !== undefined) traceMessage(raft, 'Receive', message);
}

function traceMessage(raft: RaftState, direction: string, message: Message): void {
  const kind = kindOf(message.type);
  if (kind !== undefined) traceEvent(raft, `${direction}${kind}`, { msg: traced(message) });
}

function kindOf(type: MessageType): string | undefined {
  switch (type) {
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      return 'AppendEntriesRequest';
    case MessageType.AppResp:
    case MessageType.HeartbeatResp:
      return 'AppendEntriesResponse';
    case MessageType.Vote:
      return 'RequestVoteRequest';
    case MessageType.VoteResp:
      return 'RequestVoteResponse';
    default:
      return undefined;
  }
}

function traced(message: Message): TracedMessage {
  const isSnapshot = message.type === MessageType.Snap;
  return {
    type: messageTypeName(message.type),
    term: message.term,
    from: String(message.from),
    to: String(message.to),
    entries: isSnapshot ? (message.snapshot?.metadata.index ?? 0) : message.entries.length,
    logTerm: isSnapshot ? 0 : message.logTerm,
    index: isSnapshot ? 0 : message.index,
    commit: message.commit,
    vote: String(message.vote),
    reject: message.reject,
    rejectHint: message.rejectHint,
  };
}
