/**
 * Events for checking a run against the TLA+ model of Raft. Nothing is made of them unless the
 * configuration has a sink. Pre-votes, proposals, reads and hand-overs are not part of the model.
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
import { messageTypeName, stateTypeName } from './describe/names.ts';
import type { Raft } from './raft.ts';
import type { MembershipConfig } from './tracker.ts';

/** Takes events; must not throw, and must not call back into the node. */
export type TraceSink = (event: TraceEvent) => void;

/** A message in an event. */
export interface TracedMessage {
  readonly type: string;
  readonly term: number;
  readonly from: string;
  readonly to: string;
  /** How many; for a snapshot its index. */
  readonly entries: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly vote: string;
  readonly reject: boolean;
  readonly rejectHint: number;
}

/** Something that the model knows. Ids are decimal. */
export interface TraceEvent {
  readonly name: string;
  readonly nid: string;
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number };
  readonly role: string;
  /** The last index. */
  readonly log: number;
  /** The voters of both halves. */
  readonly conf: readonly [readonly string[], readonly string[]];
  readonly msg?: TracedMessage;
  readonly prop?: { readonly cc: object };
}

type Extra = Pick<TraceEvent, 'msg' | 'prop'>;

/** What the model calls the operations of a change; it does not know any other. */
const actions: ReadonlyMap<ConfChangeType, string> = new Map([
  [ConfChangeType.AddNode, 'AddNewServer'],
  [ConfChangeType.RemoveNode, 'RemoveServer'],
  [ConfChangeType.AddLearnerNode, 'AddLearner'],
]);

export function traceEvent(raft: Raft, name: string, extra?: Extra): void {
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
export function traceReplicate(raft: Raft, entries: readonly Entry[]): void {
  if (raft.config.trace === undefined) return;
  for (const { type } of entries) if (type === EntryType.Normal) traceEvent(raft, 'Replicate');
}

/** A change that was accepted as a proposal and that adds or removes someone. */
export function traceProposedChange(raft: Raft, change: ConfChangeV2): void {
  if (raft.config.trace === undefined) return;
  const changes = change.changes
    .map(({ type, nodeId }) => ({ nid: String(nodeId), action: actions.get(type) }))
    .filter(({ action }) => action !== undefined);
  if (changes.length > 0) traceEvent(raft, 'ChangeConf', { prop: { cc: { changes } } });
}

/** A membership that is about to take effect. */
export function traceAppliedChange(raft: Raft, config: MembershipConfig): void {
  if (raft.config.trace === undefined) return;
  const newconf = [...config.incoming, ...config.learners].map(String);
  traceEvent(raft, 'ApplyConfChange', { prop: { cc: { newconf } } });
}

export function traceSend(raft: Raft, message: Message): void {
  if (raft.config.trace !== undefined) traceMessage(raft, 'Send', message);
}

export function traceReceive(raft: Raft, message: Message): void {
  if (raft.config.trace !== undefined) traceMessage(raft, 'Receive', message);
}

function traceMessage(raft: Raft, direction: string, message: Message): void {
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
