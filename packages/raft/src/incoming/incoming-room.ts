/**
 * Bounds the bytes of received entries that are not durable yet. A correct leader keeps to its
 * limit of bytes in flight. This bound matters only when the disk is slow and senders ignore that
 * limit. They must wait then, so that their messages cost no more memory than the transport's own
 * budget.
 */
import type { Message } from '@babuza/raftpb';

/** The estimated size of an entry without its payload, in bytes. */
const entryBytes = 200;
const mebibyte = 1024 * 1024;

/**
 * Twice what a leader may have in flight, to allow for two leaders in succession. At least 64 MiB,
 * at most 256 MiB.
 */
export const incomingBytesMaxOf = (inflightBytesMax: number): number =>
  inflightBytesMax === Infinity
    ? 256 * mebibyte
    : Math.max(64 * mebibyte, Math.min(2 * inflightBytesMax, 256 * mebibyte));

export class IncomingRoom {
  readonly #bytesMax: number;
  /** Bytes of all entries that the core was given since the start. */
  #givenBytes = 0;
  /** The value of `#givenBytes` when the last successful save was submitted. */
  #savedBytes = 0;
  #isIdle = true;
  #waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Counts the entries of a message that the core is given. */
  given({ entries }: Message): void {
    for (const { data } of entries) this.#givenBytes += entryBytes + (data?.length ?? 0);
  }

  /** Called when a save is submitted. The returned mark is to be given to `saved`. */
  submitted(): number {
    this.#isIdle = false;
    return this.#givenBytes;
  }

  /** Called when a save is durable. `isLast`: no other save is pending. */
  saved(mark: number, isLast: boolean): void {
    this.#savedBytes = mark;
    this.#isIdle = isLast;
    if (!this.#isFull) this.#open();
  }

  /**
   * `undefined` while more entries may be given; otherwise a promise that resolves when they may,
   * or when the node has stopped.
   */
  get room(): Promise<void> | undefined {
    if (!this.#isFull) return undefined;
    this.#waiting ??= waiting();
    return this.#waiting.promise;
  }

  stop(): void {
    this.#isIdle = true;
    this.#open();
  }

  /**
   * When no save is pending, the remaining bytes belong to entries that the core has refused, and
   * are not held.
   */
  get #isFull(): boolean {
    return !this.#isIdle && this.#givenBytes - this.#savedBytes > this.#bytesMax;
  }

  #open(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

const nothing = (): void => undefined;

function waiting(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = nothing;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
