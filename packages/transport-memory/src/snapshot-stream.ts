/**
 * A snapshot on its way. The sender asks how much is there already; then a stream of copied chunks
 * flows at the pace of its reader; at last the receiver's answer comes back. Each of them takes the
 * time of the way and meets its faults. The stream breaks, on both sides, when the way is cut, when
 * something gets lost, when one of the two does not want the other any more, or when one of them
 * ends. A broken answer says nothing about what the receiver did: it may have taken it all.
 */
import { pause, unlessAborted, type Clock } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import type { Link, LinkNetwork } from './link.ts';

/** Larger chunks are divided. */
const chunkBytesMax = 3 * 1024 * 1024;

/** The other end of a snapshot that is sent. */
export interface SnapshotReceiver {
  /** Fires when it ends. */
  readonly ended: AbortSignal;
  /** False when one of the two was removed. */
  readonly isWanted: () => boolean;
  readonly receivedBytes: () => Promise<number>;
  readonly receive: (stream: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<void>;
}

export interface SnapshotStreamParts {
  readonly there: Link;
  readonly back: Link;
  readonly network: Pick<LinkNetwork, 'isCut'>;
  readonly clock: Clock;
  /** Fires when the sender ends, or gives up. */
  readonly sender: AbortSignal;
  /** Throws where nobody takes it. */
  readonly findReceiver: () => SnapshotReceiver;
}

export class SnapshotStream {
  readonly #parts: SnapshotStreamParts;
  /** Fires when the connection is no more. All that the receiver learns is this. */
  readonly #broken = new AbortController();
  #source: AsyncIterator<Uint8Array> | undefined;
  #isReading = false;
  /**
   * What the sender's own stream threw, if it did: the sender is told that, not only what came of
   * it.
   */
  #sourceFailure: { readonly error: unknown } | undefined;
  #isOver = false;

  constructor(parts: SnapshotStreamParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the receiver has taken it all and its answer is here; the stream of `open` is
   * ended by then.
   */
  async send(open: (offset: number) => AsyncIterable<Uint8Array>): Promise<void> {
    const { sender } = this.#parts;
    const onEnd = (): void => {
      this.#break('the sender has ended it');
    };
    sender.addEventListener('abort', onEnd, { once: true });
    try {
      await this.#pass(this.#parts.there);
      await this.#talk(open, this.#parts.findReceiver());
    } catch (error) {
      throw sender.aborted ? sender.reason : (this.#sourceFailure?.error ?? error);
    } finally {
      sender.removeEventListener('abort', onEnd);
      this.#isOver = true;
      await this.#endSource();
    }
  }

  async #talk(
    open: (offset: number) => AsyncIterable<Uint8Array>,
    receiver: SnapshotReceiver,
  ): Promise<void> {
    const { ended, isWanted, receivedBytes, receive } = receiver;
    const onEnd = (): void => {
      this.#break('the receiver has ended');
    };
    ended.addEventListener('abort', onEnd, { once: true });
    try {
      const offset = await this.#answer(receivedBytes());
      const chunks = this.#chunks(() => open(offset), isWanted);
      await this.#answer(receive(chunks, this.#broken.signal));
    } finally {
      ended.removeEventListener('abort', onEnd);
    }
  }

  /** What the receiver answers, once that is here. */
  async #answer<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#broken;
    const answer = promise.then(
      (value) => () => value,
      (error: unknown) => () => {
        const problem = `the receiver did not take the snapshot: ${String(error)}`;
        throw new TransportError('TRANSPORT_REFUSED', problem, error);
      },
    );
    const told = await unlessAborted(signal, answer);
    await this.#pass(this.#parts.back);
    return told();
  }

  async *#chunks(
    open: () => AsyncIterable<Uint8Array>,
    isWanted: () => boolean,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { there } = this.#parts;
    for (;;) {
      const { done, value: bytes } = await unlessAborted(this.#broken.signal, this.#read(open));
      if (done === true) break;
      for (let at = 0; at < bytes.length; at += chunkBytesMax) {
        await this.#pass(there);
        if (!isWanted()) throw this.#break('one of the two was removed');
        // Not `slice` of a Buffer: that is a view.
        yield new Uint8Array(bytes.subarray(at, at + chunkBytesMax));
      }
    }
    await this.#pass(there);
  }

  async #read(open: () => AsyncIterable<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    this.#checkOpen();
    this.#isReading = true;
    try {
      this.#source ??= open()[Symbol.asyncIterator]();
      return await this.#source.next();
    } catch (error) {
      this.#sourceFailure = { error };
      throw this.#break('the sender could not read it', error);
    } finally {
      this.#isReading = false;
    }
  }

  /** The time and the dangers of the way. */
  async #pass(link: Link): Promise<void> {
    const { there, back, network } = this.#parts;
    // Within the abort: who ends leaves no timer behind.
    await pause(this.#parts.clock, link.drawDelayMs(), this.#broken.signal);
    this.#checkOpen();
    if ([there, back].some(({ from, to }) => network.isCut(from, to))) {
      throw this.#break('the way is cut');
    }
    if (link.loses()) throw this.#break('something got lost');
  }

  /**
   * Throws for a receiver that reads on when all is over: what would be opened then, nobody would
   * close.
   */
  #checkOpen(): void {
    this.#broken.signal.throwIfAborted();
    if (this.#isOver) throw this.#break('nobody sends it any more');
  }

  #break(why: string, cause?: unknown): TransportError {
    const error = new TransportError(
      'TRANSPORT_BROKEN',
      `a snapshot did not arrive: ${why}`,
      cause,
    );
    if (!this.#isOver) this.#broken.abort(error);
    return error;
  }

  /** What is open on the sender's side is closed, whatever the receiver does with its end. */
  async #endSource(): Promise<void> {
    const source = this.#source;
    const ended = (async () => source?.return?.())().catch(() => undefined);
    // A read that hangs would keep the sender from its end; the stream ends behind it.
    if (!this.#isReading) await ended;
  }
}
