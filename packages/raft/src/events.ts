/**
 * The events of a node. A listener runs inside the node's own work. An error that it throws, or
 * rejects with later, is dropped.
 */
import type { ImpossibleClaimKind } from '@babuza/raft-core';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { Member, MembershipOperation } from './membership/membership.ts';

/** Why a leader cannot do its work. */
export type LeaderTrouble = 'disk-full' | 'disk-slow' | 'stood-still' | 'system-short';

/** Why a message was refused. */
export type RefusedMessageKind =
  /** The message has a term that no election of an honest cluster reaches. */
  | 'term'
  /** The term rises faster than the elections of an honest cluster can raise it. */
  | 'term-jump'
  /** The sender is not a member, and only a member may send this. */
  | 'not-a-member'
  /** The message has a proposal that no member forwards. */
  | 'proposal'
  /** The message is a read, or the answer to one, that no member sends. */
  | 'read'
  /** The message has a commit index that this log does not reach. */
  | 'commit'
  /** The message offers a snapshot that this node does not want from this sender. */
  | 'snapshot';

export type RaftEvent =
  /** Another leader is known, or no leader is known (`0n`). */
  | { readonly type: 'leader'; readonly leader: bigint; readonly term: number }
  | { readonly type: 'leadership-acquired'; readonly term: number }
  | { readonly type: 'leadership-lost'; readonly term: number }
  | {
      readonly type: 'membership';
      readonly operations: readonly MembershipOperation[];
      readonly members: readonly Member[];
    }
  | {
      readonly type: 'snapshot-taken';
      readonly metadata: SnapshotMetadata;
      /** The size of its files as stored, in bytes. */
      readonly bytes: number;
      readonly durationMs: number;
    }
  /** No snapshot was made. The only loss is space in the log. */
  | { readonly type: 'snapshot-failed'; readonly error: Error }
  /** Sending a snapshot to a member that is too far behind has ended. */
  | {
      readonly type: 'snapshot-sent';
      readonly to: bigint;
      readonly metadata: SnapshotMetadata;
      readonly arrived: boolean;
    }
  /**
   * A member is refused, or refuses this one, because it belongs to another cluster, has another
   * log than before, or was restored from an old disk. `message` says what was found and what to
   * do. Each kind of problem of one member is reported once, until it was not met for a minute. At
   * most 20 of these events are emitted within a minute, of which 10 are about nodes that are not
   * members.
   */
  | {
      readonly type: 'member-refused';
      readonly id: bigint;
      readonly message: string;
      /** How many reports that limit has left out since the event before. */
      readonly leftOut: number;
    }
  /**
   * A member has received a snapshot and does not use it: its log does not match this leader's up
   * to that index. The next snapshot is sent to it after a pause, which doubles each time, up to
   * five minutes.
   */
  | {
      readonly type: 'unused-snapshot';
      readonly member: bigint;
      readonly index: number;
      /** How many snapshots in a row the member did not use. */
      readonly times: number;
      readonly pauseMs: number;
    }
  /**
   * This node has dropped a message of a member that claims something impossible, such as an
   * acknowledgement of entries that the leader does not have, or an append that contradicts a
   * follower's committed entries. It is reported after 1, 10, 100, … messages of a member and kind
   * in one term.
   */
  | {
      readonly type: 'impossible-claim';
      readonly member: bigint;
      readonly kind: ImpossibleClaimKind;
      /** The claimed index, or the claimed term for `hint-term` and `append-term`. */
      readonly claimed: number;
      /** The highest value that could be true; for `append-term` the only one. */
      readonly atMost: number;
      readonly term: number;
      /** How many messages of this member and kind were dropped in this term. */
      readonly times: number;
    }
  /**
   * This node has refused messages of another node that no honest node sends. `kind` is the reason,
   * and `message` says what was found and what to do. It is emitted at most once a minute for a
   * node and reason.
   */
  | {
      readonly type: 'message-refused';
      readonly member: bigint;
      readonly kind: RefusedMessageKind;
      readonly message: string;
      /** How many messages were refused for this reason since the event before. */
      readonly times: number;
    }
  /**
   * A committed entry cannot be read, or changes the membership in a way that no core can apply. It
   * has no effect on any replica. It was forged, or written too early by a later release. The event
   * is emitted at most once a minute.
   */
  | {
      readonly type: 'entry-unreadable';
      readonly index: number;
      readonly error: Error;
      /** How many such entries were applied since the last report, this one included. */
      readonly times: number;
    }
  /**
   * The wall clock of a member, perhaps of this one, differs by more than five minutes from the
   * median of the members' clocks. `differenceMs` is in ms: negative when the clock is behind,
   * `Infinity` when its time is impossible. It is reported at most once in ten minutes for a
   * member.
   */
  | { readonly type: 'clock-differs'; readonly member: bigint; readonly differenceMs: number }
  | { readonly type: 'snapshot-installed'; readonly metadata: SnapshotMetadata }
  /** The disk has become full, or is not full any more. */
  | { readonly type: 'disk-full'; readonly full: boolean }
  /**
   * A committed entry has waited for the state machine longer than `applyLagMsMax`, or the state
   * machine has caught up again. `lagMs` is how long the oldest known entry has waited.
   */
  | {
      readonly type: 'state-machine-behind';
      readonly behind: boolean;
      readonly lagMs: number;
      readonly appliedIndex: number;
      readonly commitIndex: number;
    }
  /**
   * A save to the log takes longer than the bound (see `leaderStallShare`), or saves finish again.
   */
  | { readonly type: 'disk-slow'; readonly slow: boolean }
  /** The event loop of this leader stalled for longer than the bound. */
  | { readonly type: 'stood-still'; readonly durationMs: number }
  /**
   * This leader cannot do its work. It transfers leadership to a member, or, when `to` is
   * undefined, steps down.
   */
  | {
      readonly type: 'leadership-given-up';
      readonly trouble: LeaderTrouble;
      readonly to: bigint | undefined;
    }
  /**
   * The log rejects saves because the system is short of descriptors or memory, or a permission is
   * missing; `reason` says which. `undefined`: it takes saves again. Nothing is lost meanwhile; the
   * saves are repeated.
   */
  | { readonly type: 'system-short'; readonly reason: string | undefined }
  /** The node has stopped; `cause` is the error when it has stopped by itself. */
  | { readonly type: 'stopped'; readonly cause: unknown };

/** The result is ignored, and an asynchronous listener is not awaited. */
export type RaftEventListener = (event: RaftEvent) => unknown;

export class RaftEventHub {
  /** One element for each subscription, because a function may be subscribed several times. */
  readonly #subscriptions = new Set<{ readonly listener: RaftEventListener }>();

  /** Adds a listener and returns the function that removes it. */
  subscribe(listener: RaftEventListener): () => void {
    const subscription = { listener };
    this.#subscriptions.add(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
    };
  }

  emit(event: RaftEvent): void {
    for (const { listener } of this.#subscriptions) {
      try {
        // An asynchronous listener may reject later, when nobody awaits it. That would end the
        // process.
        const answer = listener(event);
        if (answer instanceof Promise) answer.catch(() => undefined);
      } catch {
        // An error of a listener must not fail the node.
      }
    }
  }
}
