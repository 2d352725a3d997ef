/**
 * The configuration of a node. The names are those of etcd raft's `Config`. Sizes are in bytes,
 * times in ticks, and `Infinity` means no limit.
 *
 * Source: etcd-io/raft `raft.go`, `Config`; docs/raft-behaviour.md, section 1.3.
 */

import type { Storage } from '@babuza/wal-core/storage';
import type { RaftLogger } from './logger.ts';
import type { ImpossibleClaimSink } from './messages/impossible-claim.ts';
import type { TraceSink } from './trace/events.ts';

/** How the leader makes a read linearizable. */
export const ReadOnlyOption = {
  /** A quorum confirms the leader for each read. This needs no clock. */
  Safe: 0,
  /**
   * The leader trusts its lease. Reads may be stale when the clocks of the nodes run at different
   * speeds.
   */
  LeaseBased: 1,
} as const;
export type ReadOnlyOption = (typeof ReadOnlyOption)[keyof typeof ReadOnlyOption];

export interface RaftConfig {
  /**
   * The id of this node: an integer of 64 bits, but not `0n` and neither of the two addresses of
   * storage threads.
   */
  readonly id: bigint;
  /**
   * Ticks without a message of the leader until a follower campaigns. It must be greater than
   * `heartbeatTick`; 10 times that is usual.
   */
  readonly electionTick: number;
  /** Ticks between heartbeats; at least 1. */
  readonly heartbeatTick: number;
  /** The durable entries, hard state and membership. The core reads it and never writes to it. */
  readonly storage: Storage;
  /**
   * Returns a number in [0, 1) that differs from node to node, as `Math.random` does. At each
   * change of role it selects the election timeout, `electionTick` to `2 * electionTick - 1` ticks.
   */
  readonly random: () => number;
  /** The last index that the application has applied. Entries up to it are skipped. Default 0. */
  readonly applied?: number;
  /** Storage work is handed out as messages, and `advance` is not used. Default false. */
  readonly asyncStorageWrites?: boolean;
  /**
   * The encoded size of the entries in one append, which always holds at least one entry. Default
   * 0: one entry per append.
   */
  readonly maxSizePerMsg?: number;
  /** The number of entries in one append. Default, and with 0: no limit. */
  readonly maxEntriesPerMsg?: number;
  /**
   * The encoded size of the committed entries that are handed out and not yet reported as applied.
   * At least one entry is handed out. Default, and with 0: `maxSizePerMsg`.
   */
  readonly maxCommittedSizePerReady?: number;
  /**
   * The payload bytes that a leader has appended and that are not applied yet. Further proposals
   * are dropped. Default, and with 0: no limit.
   */
  readonly maxUncommittedEntriesSize?: number;
  /** The number of appends in flight to one member; at least 1. */
  readonly maxInflightMsgs: number;
  /**
   * The payload bytes in flight to one member; at least `maxSizePerMsg`. Default, and with 0: no
   * limit.
   */
  readonly maxInflightBytes?: number;
  /**
   * The leader steps down when it has not heard from a quorum for an election timeout, and
   * followers of an active leader ignore vote requests (the lease). Default false.
   */
  readonly checkQuorum?: boolean;
  /**
   * A candidate first asks whether it could win, without raising its term. A node that comes back
   * from a partition then does not depose the leader. Default false.
   */
  readonly preVote?: boolean;
  /** Default `Safe`. `LeaseBased` requires `checkQuorum`. */
  readonly readOnlyOption?: ReadOnlyOption;
  /**
   * A leader that is the only voter answers reads at once, as in etcd, even before its first commit
   * of the term. After a crash such a read may miss entries whose commit was acknowledged before
   * it. With false, the leader waits for that commit. Default true.
   */
  readonly onlyVoterReadsAtOnce?: boolean;
  /** Default: nothing is logged. */
  readonly logger?: RaftLogger | undefined;
  /** Followers drop proposals instead of forwarding them to the leader. Default false. */
  readonly disableProposalForwarding?: boolean;
  /** Membership changes are not checked when they are proposed. Dangerous. Default false. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that is removed or made a learner becomes a follower. Default false. */
  readonly stepDownOnRemoval?: boolean;
  /** Receives the events for checking a run against the TLA+ model. Default: no events. */
  readonly trace?: TraceSink | undefined;
  /**
   * Receives the claims of other members that cannot be true and whose messages were dropped: the
   * 1st, 10th, 100th, … claim of each member and kind since the last change of role. The logger
   * gets a warning for each of these as well. Default: claims are only logged.
   */
  readonly onImpossibleClaim?: ImpossibleClaimSink | undefined;
}
