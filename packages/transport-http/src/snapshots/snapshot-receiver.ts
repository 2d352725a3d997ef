/**
 * Receives snapshots from other members, one at a time from each. A new attempt ends the previous
 * one, which may not have noticed yet that its connection is gone. While the node stores the data,
 * progress lines keep the sender from timing out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MessageType, type Message } from '@babuza/raftpb';
import { codeOf } from '@babuza/vfs';
import { framesOf } from '../messages/body.ts';
import { TransportError } from '../errors.ts';
import { decodeSingle } from '../messages/frames.ts';
import { offsetHeader } from './snapshot-sender.ts';
import { outcomeLine, type SnapshotOutcome } from './snapshot-outcome.ts';
import { tellWorking } from '../server/tell-working.ts';
import { snapshotFrameMaxOf, type Wire } from '../wire.ts';

/**
 * The most snapshot requests of one peer at a time. A member has two, and possibly a few whose
 * connection is already gone.
 */
const underWayMax = 8;

interface Reception {
  readonly ending: AbortController;
  readonly done: Promise<void>;
}

export class SnapshotReceiver {
  readonly #wire: Wire;
  readonly #receptions = new Map<bigint, Reception>();
  readonly #underWay = new Map<bigint, number>();

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Answers how many bytes of a snapshot this node already has, as a decimal number. */
  async tellReceived(from: bigint, request: IncomingMessage): Promise<string> {
    const frames = this.#frames(from, request);
    const leave = this.#enter(from);
    try {
      const message = await this.#message(from, frames);
      // End a transfer that is under way first, because the number of bytes would change while the
      // sender reads the answer.
      await this.end(from);
      return String(await this.#wire.handler.receivedSnapshotBytes(message));
    } finally {
      leave();
      giveBack(frames);
    }
  }

  /** Receives a snapshot. Answers 200 at once and reports the outcome in the body. */
  async take(from: bigint, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const frames = this.#frames(from, request);
    const leave = this.#enter(from);
    try {
      await this.#take(from, frames, request, response);
    } finally {
      leave();
      giveBack(frames);
    }
  }

  /**
   * Counts a request that is under way. If the disk hangs, requests do not end even when their
   * connections close, so their number must be limited. Returns a function to call at the end.
   *
   * @throws TransportError (`TRANSPORT_REFUSED`, reason `too-much`).
   */
  #enter(from: bigint): () => void {
    const payer = this.#wire.budget.payerOf(from);
    const count = (this.#underWay.get(payer) ?? 0) + 1;
    if (count > underWayMax) {
      const problem = `member ${from} already has ${underWayMax} snapshot requests under way`;
      throw new TransportError('TRANSPORT_REFUSED', problem, { reason: 'too-much' });
    }
    this.#underWay.set(payer, count);
    return () => {
      const left = (this.#underWay.get(payer) ?? 1) - 1;
      if (left > 0) this.#underWay.set(payer, left);
      else this.#underWay.delete(payer);
    };
  }

  async #take(
    from: bigint,
    frames: AsyncGenerator<Buffer, void, void>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const message = await this.#message(from, frames);
    // Several attempts may wait here for the same transfer to end; each then ends the one before
    // it.
    while (this.#receptions.has(from)) await this.end(from);
    if (response.closed) return;
    const ending = new AbortController();
    response.once('close', () => ending.abort(broken('the connection was closed')));
    const stopReading = (): void => {
      // The outcome has been written, but the sender may still be writing a chunk. Resetting the
      // connection now could discard the outcome before the sender reads it.
      if (!response.writableFinished) request.destroy();
    };
    // Destroying the request also ends a read that is waiting for more data.
    ending.signal.addEventListener('abort', stopReading, { once: true });
    const receiving = this.#receive(message, offsetOf(request), frames, response, ending);
    // Later attempts wait for the end of this one, whether it succeeds or fails.
    const reception = { ending, done: receiving.catch(() => undefined) };
    this.#receptions.set(from, reception);
    try {
      await receiving;
    } finally {
      if (this.#receptions.get(from) === reception) this.#receptions.delete(from);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#receptions.keys()].map((from) => this.end(from)));
  }

  /** Ends the transfer from a member that is under way, if any. */
  async end(from: bigint): Promise<void> {
    const reception = this.#receptions.get(from);
    reception?.ending.abort(broken('another attempt has begun, or this member ends'));
    await reception?.done;
  }

  async #receive(
    message: Message,
    offset: number,
    frames: AsyncGenerator<Buffer, void, void>,
    response: ServerResponse,
    { signal }: AbortController,
  ): Promise<void> {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    const stopTelling = tellWorking(response, this.#wire, 0);
    try {
      const outcome = await this.#outcome(message, offset, frames, signal);
      if (!signal.aborted) response.end(outcomeLine(outcome));
      else response.destroy();
    } finally {
      stopTelling();
    }
  }

  async #outcome(
    message: Message,
    offset: number,
    frames: AsyncGenerator<Buffer, void, void>,
    signal: AbortSignal,
  ): Promise<SnapshotOutcome> {
    const { handler } = this.#wire;
    let isBroken = false;
    const onBroken = (): void => void (isBroken = true);
    try {
      const received = await handler.receivedSnapshotBytes(message);
      if (received !== offset) {
        const problem = `the receiver has ${received} bytes, and the request begins at byte ${offset}`;
        return { taken: false, reason: 'other-offset', message: problem };
      }
      const counted = this.#counted(message.from, chunksOf(frames, signal, onBroken));
      await handler.receiveSnapshot(message, counted, signal);
      return { taken: true, reason: '', message: '' };
    } catch (error) {
      // The sender tries again after an incomplete transfer, but not after the node has refused the
      // snapshot.
      const reason = isBroken ? 'not-whole' : 'not-taken';
      if (!isBroken) this.#tellNotTaken(message.from, error);
      // Send only the code: the message may contain paths of this machine.
      return { taken: false, reason, message: codeOf(error) };
    }
  }

  #tellNotTaken(from: bigint, error: unknown): void {
    const { strangersLog } = this.#wire;
    strangersLog.tell('warn', `snapshot ${from}`, 'a snapshot was not stored', { from, error });
  }

  async *#counted(
    from: bigint,
    chunks: AsyncGenerator<Uint8Array, void, void>,
  ): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of chunks) {
      this.#wire.countersOf(from).receivedSnapshotBytes += chunk.length;
      yield chunk;
    }
  }

  #frames(from: bigint, request: IncomingMessage): AsyncGenerator<Buffer, void, void> {
    const { clock, settings, framePayloadMax, budget } = this.#wire;
    const bytesMax = snapshotFrameMaxOf(framePayloadMax);
    return framesOf(request, clock, settings.stallTimeoutMs, bytesMax, { budget, id: from });
  }

  async #message(from: bigint, frames: AsyncGenerator<Buffer, void, void>): Promise<Message> {
    const { value, done } = await frames.next();
    const message = done === true ? undefined : decodeSingle(value);
    const isRight =
      message?.type === MessageType.Snap &&
      message.from === from &&
      message.to === this.#wire.nodeId &&
      message.snapshot !== undefined;
    if (isRight) return message;
    throw new TransportError(
      'TRANSPORT_PROTOCOL',
      'the first frame is not a snapshot message of the member that sent the request',
    );
  }
}

/**
 * Releases the memory of the frame that was read last, even if the loop over the frames ended
 * early. A pending read ends with the connection, so there is no need to wait for it.
 */
function giveBack(frames: AsyncGenerator<Buffer, void, void>): void {
  frames.return().catch(() => undefined);
}

function offsetOf({ headers }: IncomingMessage): number {
  const given = headers[offsetHeader];
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given);
  throw new TransportError(
    'TRANSPORT_PROTOCOL',
    'the request does not say at which byte it begins',
  );
}

/**
 * Yields the chunks up to the empty frame that ends the snapshot. Without that frame the snapshot
 * is incomplete.
 */
async function* chunksOf(
  frames: AsyncGenerator<Buffer, void, void>,
  signal: AbortSignal,
  onBroken: () => void,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const frame of frames) {
      signal.throwIfAborted();
      if (frame.length === 0) return;
      yield frame;
    }
    throw broken('the stream ended early');
  } catch (error) {
    onBroken();
    throw error;
  }
}

const broken = (why: string): TransportError =>
  new TransportError('TRANSPORT_BROKEN', `a snapshot did not arrive: ${why}`);
