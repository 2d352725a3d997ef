/**
 * What a log tells those who watch it. Events inform; nothing depends on a listener. A listener
 * runs inside the log's own work and must not throw: what it throws is dropped, because a watcher
 * must never be able to fail a write.
 */
import type { PurgeReport } from './wal.ts';
import type { TailReport } from './wal-manager.ts';

export type WalEvent =
  /** A log was opened and its tail judged. */
  | { readonly type: 'recovered'; readonly groupId: bigint; readonly tail: TailReport }
  /**
   * Damage that cost nothing was found and worked around, such as one of two copies of a header.
   */
  | {
      readonly type: 'repaired';
      readonly groupId: bigint;
      readonly file: string;
      readonly what: string;
    }
  /** A new segment took over. */
  | { readonly type: 'rotated'; readonly groupId: bigint; readonly file: string }
  | { readonly type: 'purged'; readonly groupId: bigint; readonly report: PurgeReport }
  /** The disk was full; the batch was rejected and the log goes on. */
  | { readonly type: 'no-space'; readonly groupId: bigint; readonly error: Error }
  /** The system was short of something for a moment; the batch was rejected and the log goes on. */
  | { readonly type: 'try-again'; readonly groupId: bigint; readonly error: Error }
  /**
   * A write or sync failed, or the lock was lost (`error.code` tells); the log takes no more
   * writes.
   */
  | { readonly type: 'poisoned'; readonly groupId: bigint; readonly error: Error }
  /**
   * Saves that waited together were written together; `durable`: and synced. `latencyMs`: where the
   * log has a clock.
   */
  | {
      readonly type: 'committed';
      readonly groupId: bigint;
      readonly saves: number;
      readonly entries: number;
      /** With all that the format adds. */
      readonly bytes: number;
      readonly durable: boolean;
      readonly latencyMs: number | undefined;
    }
  /** A group took longer than a second to become durable. */
  | { readonly type: 'slow-sync'; readonly groupId: bigint; readonly latencyMs: number };

export type WalEventListener = (event: WalEvent) => void;

/** Where one subscribes. */
export interface WalEventSource {
  /** Adds a listener and returns the function that removes it. */
  subscribe(listener: WalEventListener): () => void;
}

/** The one implementation, for back ends. */
export class WalEventHub implements WalEventSource {
  readonly #listeners = new Set<WalEventListener>();

  subscribe(listener: WalEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Whether anybody listens: an event that is told often need not be made for nobody. */
  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  emit(event: WalEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        // See the head of this file: a watcher cannot fail a write.
      }
    }
  }
}
