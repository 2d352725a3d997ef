/**
 * A snapshot on its way: a stream of copied chunks at the pace of its reader. It breaks, on both sides, when the way is
 * cut, when a chunk gets lost, or when one of the two ends.
 */
import type { Clock } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import type { Link } from './link.ts';
import type { MemoryNetwork } from './memory-network.ts';
import type { SnapshotReceiver } from './memory-transport.ts';

/** Larger chunks are divided. */
const chunkBytesMax = 3 * 1024 * 1024;

export interface SnapshotStreamParts {
  readonly link: Link;
  readonly network: MemoryNetwork;
  readonly clock: Clock;
  /** Fires when the receiver ends. */
  readonly target: AbortSignal;
  /** Fires when the sender ends, or gives up. */
  readonly sender: AbortSignal;
}

export class SnapshotStream {
  readonly #parts: SnapshotStreamParts;

  constructor(parts: SnapshotStreamParts) {
    this.#parts = parts;
  }

  /** Resolves when the receiver has taken it all. */
  async send(
    open: (offset: number) => AsyncIterable<Uint8Array>,
    receiver: SnapshotReceiver,
  ): Promise<void> {
    const either = AbortSignal.any([this.#parts.sender, this.#parts.target]);
    // The receiver learns that the sender is gone from a broken connection, not from the sender's own reason.
    const received = new AbortController();
    const onAbort = (): void => received.abort(broken('the connection ended'));
    either.addEventListener('abort', onAbort, { once: true });
    try {
      const offset = await unlessAborted(either, receiver.receivedBytes());
      const stream = this.#chunks(open, offset, received.signal);
      await unlessAborted(either, receiver.receive(stream, received.signal));
    } finally {
      either.removeEventListener('abort', onAbort);
    }
  }

  async *#chunks(
    open: (offset: number) => AsyncIterable<Uint8Array>,
    offset: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    for await (const bytes of open(offset)) {
      for (let at = 0; at < bytes.length; at += chunkBytesMax) {
        await this.#pass(signal);
        yield bytes.slice(at, at + chunkBytesMax);
      }
    }
    await this.#pass(signal);
  }

  /** The time and the dangers of the way. */
  async #pass(signal: AbortSignal): Promise<void> {
    const { link, network, clock } = this.#parts;
    await clock.sleep(link.drawDelayMs());
    signal.throwIfAborted();
    if (network.isCut(link.from, link.to) || network.isCut(link.to, link.from)) {
      throw broken('the way is cut');
    }
    if (link.happens(link.faults.loss)) throw broken('a chunk got lost');
  }
}

function broken(why: string): TransportError {
  return new TransportError('TRANSPORT_BROKEN', `a snapshot did not arrive: ${why}`);
}

/** The promise, or the reason of the signal when that fires first; a later rejection is dropped. */
async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      promise.then(resolve, reject);
    });
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
