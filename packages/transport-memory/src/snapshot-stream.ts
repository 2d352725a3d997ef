/**
 * A snapshot that is being sent. The sender asks how many bytes the receiver has already. Then a
 * stream of copied chunks flows at the pace of its reader, and at last the receiver's answer comes
 * back. Each of them takes the delay of the link and is subject to its faults. The stream breaks,
 * on both sides, when the link is cut, when something gets lost, when one of the two does not want
 * the other any more, or when one of them closes. A lost answer says nothing about the receiver: it
 * may have taken the whole snapshot.
 */
import { pause, unlessAborted, type Clock } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import type { Link, LinkNetwork } from './link.ts';

/** Larger chunks are divided. */
const chunkBytesMax = 3 * 1024 * 1024;

/** The other end of a snapshot that is sent. */
export interface SnapshotReceiver {
  /** Fires when the receiver closes. */
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
  /** Fires when the sender closes or gives up. */
  readonly sender: AbortSignal;
  /** Throws when no member takes the snapshot. */
  readonly findReceiver: () => SnapshotReceiver;
}

export class SnapshotStream {
  readonly #parts: SnapshotStreamParts;
  /** Fires when the connection is broken. The receiver learns nothing else. */
  readonly #broken = new AbortController();
  #source: AsyncIterator<Uint8Array> | undefined;
  #isReading = false;
  /**
   * The error of the sender's own stream, if any. The sender gets that error, and not only the
   * broken connection.
   */
  #sourceFailure: { readonly error: unknown } | undefined;
  #isOver = false;

  constructor(parts: SnapshotStreamParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the receiver has taken the whole snapshot and its answer has arrived. The stream
   * of `open` is ended by then.
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

  /** Waits until the receiver's answer has travelled back. */
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
        if (!isWanted()) throw this.#break('one of the two members was removed');
        // `slice` of a Buffer would not copy: it returns a view.
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
      throw this.#break('the sender could not read its source', error);
    } finally {
      this.#isReading = false;
    }
  }

  /**
   * Takes the delay of the link, and breaks the stream if the link is cut or something gets lost.
   */
  async #pass(link: Link): Promise<void> {
    const { there, back, network } = this.#parts;
    // The signal ends the pause, so that a member that closes leaves no timer behind.
    await pause(this.#parts.clock, link.drawDelayMs(), this.#broken.signal);
    this.#checkOpen();
    if ([there, back].some(({ from, to }) => network.isCut(from, to))) {
      throw this.#break('the link is cut');
    }
    if (link.loses()) throw this.#break('a part of it got lost');
  }

  /**
   * Throws for a receiver that reads after the end: a source that is opened then would never be
   * closed.
   */
  #checkOpen(): void {
    this.#broken.signal.throwIfAborted();
    if (this.#isOver) throw this.#break('the sender has ended it');
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

  /** Closes the sender's source, whatever the receiver does with its end. */
  async #endSource(): Promise<void> {
    const source = this.#source;
    const ended = (async () => source?.return?.())().catch(() => undefined);
    // A read that hangs would keep the sender waiting; the source then ends after that read.
    if (!this.#isReading) await ended;
  }
}
