/**
 * The events of a log. They inform; nothing depends on a listener. A listener runs synchronously
 * inside the log's own work. The log ignores an error that a listener throws, because an observer
 * must never fail a write.
 */
import type { PurgeReport, TailReport } from './reports.ts';

export type WalEvent =
  /** A log was opened. `tail` says how the log ended. */
  | { readonly type: 'recovered'; readonly groupId: bigint; readonly tail: TailReport }
  /**
   * Damage without consequences was found and repaired or bypassed, such as damage to one of two
   * copies of a header.
   */
  | {
      readonly type: 'repaired';
      readonly groupId: bigint;
      readonly file: string;
      readonly what: string;
    }
  /** The log switched to a new segment file. */
  | { readonly type: 'rotated'; readonly groupId: bigint; readonly file: string }
  | { readonly type: 'purged'; readonly groupId: bigint; readonly report: PurgeReport }
  /** The disk was full. The commit batch was rejected, and the log goes on. */
  | { readonly type: 'no-space'; readonly groupId: bigint; readonly error: Error }
  /**
   * The system lacked a resource for a moment. The commit batch was rejected, and the log goes on.
   */
  | { readonly type: 'try-again'; readonly groupId: bigint; readonly error: Error }
  /**
   * A write or sync failed, or the lock was lost (`error.code` says which). The log accepts no more
   * writes.
   */
  | { readonly type: 'poisoned'; readonly groupId: bigint; readonly error: Error }
  /**
   * A commit batch was written. `durable` says whether it was also synced. `latencyMs` is
   * `undefined` when the log has no clock.
   */
  | {
      readonly type: 'committed';
      readonly groupId: bigint;
      readonly saves: number;
      readonly entries: number;
      /** Bytes written, including everything that the format adds. */
      readonly bytes: number;
      readonly durable: boolean;
      readonly latencyMs: number | undefined;
    }
  /** A commit batch took longer than one second to become durable. */
  | { readonly type: 'slow-sync'; readonly groupId: bigint; readonly latencyMs: number };

export type WalEventListener = (event: WalEvent) => void;

/** A source of events. */
export interface WalEventSource {
  /** Adds a listener and returns the function that removes it. */
  subscribe(listener: WalEventListener): () => void;
}

/** The implementation of `WalEventSource` that all back ends use. */
export class WalEventHub implements WalEventSource {
  readonly #listeners = new Set<WalEventListener>();

  subscribe(listener: WalEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Whether there is a listener. Frequent events need not be built when there is none. */
  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  emit(event: WalEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        // An observer cannot fail a write, see the head of this file.
      }
    }
  }
}
