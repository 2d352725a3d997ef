/**
 * How many entries of other members this node holds that are not durable yet. A leader keeps to its
 * limit of what is in flight, so only a node whose disk is slow and whose senders do not care comes
 * to this one; they wait then, and so their messages cost the memory of the transport's budget and
 * not more.
 */
import type { Message } from '@babuza/raftpb';

/** What an entry takes beside its payload, in bytes. */
const entryBytes = 200;
const mebibyte = 1024 * 1024;

/** Twice what a leader has in flight, for two leaders in a row. */
export const incomingBytesMaxOf = (inflightBytesMax: number): number =>
  inflightBytesMax === Infinity
    ? 256 * mebibyte
    : Math.max(64 * mebibyte, Math.min(2 * inflightBytesMax, 256 * mebibyte));

export class IncomingRoom {
  readonly #bytesMax: number;
  /** Since the start. */
  #givenBytes = 0;
  /** Of these, what was given before the last save that has succeeded was submitted. */
  #savedBytes = 0;
  #isIdle = true;
  #waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The core was given this message. */
  given({ entries }: Message): void {
    for (const { data } of entries) this.#givenBytes += entryBytes + (data?.length ?? 0);
  }

  /** A save is submitted; the result is for `saved`. */
  submitted(): number {
    this.#isIdle = false;
    return this.#givenBytes;
  }

  /** The save is durable. `isLast`: nothing else waits to be. */
  saved(mark: number, isLast: boolean): void {
    this.#savedBytes = mark;
    this.#isIdle = isLast;
    if (!this.#isFull) this.#open();
  }

  /**
   * `undefined` while there is room, or a promise that resolves when there is, or the node has
   * ended.
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

  /** What was given and led to no save was refused by the core, and is not held. */
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
