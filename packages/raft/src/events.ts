/** What a node tells those who watch it. A listener runs inside the node's own work; what it throws is dropped, also later. */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { Member, MembershipOperation } from './membership.ts';

export type RaftEvent =
  /** Another leader is known, or none (`0n`). */
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
      /** Of its files, as stored. */
      readonly bytes: number;
      readonly durationMs: number;
    }
  /** None was made; nothing is lost but space in the log. */
  | { readonly type: 'snapshot-failed'; readonly error: Error }
  /** Sending one to a member that is too far behind has ended. */
  | {
      readonly type: 'snapshot-sent';
      readonly to: bigint;
      readonly metadata: SnapshotMetadata;
      readonly arrived: boolean;
    }
  | { readonly type: 'snapshot-installed'; readonly metadata: SnapshotMetadata }
  /** The disk is full, or is not any more. */
  | { readonly type: 'disk-full'; readonly full: boolean }
  /**
   * The log rejects saves because the system is short of descriptors or memory, or a permission is missing; `reason`
   * says which. `undefined`: it takes saves again. Nothing is lost meanwhile; the saves are made again.
   */
  | { readonly type: 'system-short'; readonly reason: string | undefined }
  /** The node has ended; `cause` is why, when it was not asked to. */
  | { readonly type: 'stopped'; readonly cause: unknown };

/** What it returns is not looked at; one that is asynchronous is not waited for. */
export type RaftEventListener = (event: RaftEvent) => unknown;

export class RaftEventHub {
  /** Each subscription by itself: one function may have several. */
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
        // An asynchronous one throws later, where nobody waits: that would end the process.
        const answer = listener(event);
        if (answer instanceof Promise) answer.catch(() => undefined);
      } catch {
        // A watcher cannot fail the node.
      }
    }
  }
}
