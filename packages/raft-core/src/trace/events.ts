/**
 * The trace events as their receiver sees them.
 *
 * Source: etcd-io/raft `state_trace.go`.
 */

/** Receives trace events. It must not throw, and must not call the node. */
export type TraceSink = (event: TraceEvent) => void;

/** The message of an event. */
export interface TracedMessage {
  readonly type: string;
  readonly term: number;
  readonly from: string;
  readonly to: string;
  /** The number of entries; for a snapshot its index. */
  readonly entries: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly vote: string;
  readonly reject: boolean;
  readonly rejectHint: number;
}

/** One event. Ids are decimal. */
export interface TraceEvent {
  readonly name: string;
  readonly nid: string;
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number };
  readonly role: string;
  /** The last index of the log. */
  readonly log: number;
  /** The voters of the incoming and the outgoing half. */
  readonly conf: readonly [readonly string[], readonly string[]];
  readonly msg?: TracedMessage;
  readonly prop?: { readonly cc: object };
}
