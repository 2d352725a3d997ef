/**
 * Takes snapshots from other members. One at a time from each: a new attempt ends the one before,
 * which may not know yet that its connection is gone. While the node works the sender is told so.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MessageType, type Message } from '@babuza/raftpb';
import { codeOf } from '@babuza/vfs';
import { framesOf } from '../messages/body.ts';
import { TransportError } from '../errors.ts';
import { decodeSingle } from '../messages/frames.ts';
import { offsetHeader } from './snapshot-sender.ts';
import { fateLine, type SnapshotFate } from './snapshot-outcome.ts';
import { tellWorking } from '../server/tell-working.ts';
import { snapshotFrameMaxOf, type Wire } from '../wire.ts';

/**
 * Requests about snapshots of one peer that are under way. A member has two, and some whose
 * connection is gone.
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

  /** How much of a snapshot is here; the answer is a number in decimal digits. */
  async tellReceived(from: bigint, request: IncomingMessage): Promise<string> {
    const frames = this.#frames(from, request);
    const leave = this.#enter(from);
    try {
      const message = await this.#message(from, frames);
      // What is still being taken would change under the sender's eyes.
      await this.end(from);
      return String(await this.#wire.handler.receivedSnapshotBytes(message));
    } finally {
      leave();
      giveBack(frames);
    }
  }

  /** Answers 200 at once, and says in the body what became of it. */
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
   * Counts a request that is under way: where the disk hangs none of them ends, also when its
   * connection does. Returns what is to be called at its end.
   *
   * @throws TransportError (`TRANSPORT_REFUSED`, `too-much`).
   */
  #enter(from: bigint): () => void {
    const payer = this.#wire.budget.payerOf(from);
    const count = (this.#underWay.get(payer) ?? 0) + 1;
    if (count > underWayMax) {
      const problem = `member ${from} has ${underWayMax} requests about snapshots under way already`;
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
    // Several attempts may wait for the end of the same one: each ends the one before.
    while (this.#receptions.has(from)) await this.end(from);
    if (response.closed) return;
    const ending = new AbortController();
    response.once('close', () => ending.abort(broken('the connection was closed')));
    const stopReading = (): void => {
      // After the last word the sender may be in the middle of a chunk: a broken connection would
      // take the word with it.
      if (!response.writableFinished) request.destroy();
    };
    // A read that waits for what will not come ends with it.
    ending.signal.addEventListener('abort', stopReading, { once: true });
    const receiving = this.#receive(message, offsetOf(request), frames, response, ending);
    // Later attempts wait for the end of this one, however it ends.
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

  /** Ends what is being taken from a member. */
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
      const fate = await this.#fate(message, offset, frames, signal);
      if (!signal.aborted) response.end(fateLine(fate));
      else response.destroy();
    } finally {
      stopTelling();
    }
  }

  async #fate(
    message: Message,
    offset: number,
    frames: AsyncGenerator<Buffer, void, void>,
    signal: AbortSignal,
  ): Promise<SnapshotFate> {
    const { handler } = this.#wire;
    let isBroken = false;
    const onBroken = (): void => void (isBroken = true);
    try {
      const received = await handler.receivedSnapshotBytes(message);
      if (received !== offset) {
        const problem = `${received} bytes are here, and it begins at ${offset}`;
        return { taken: false, reason: 'other-offset', message: problem };
      }
      const counted = this.#counted(message.from, chunksOf(frames, signal, onBroken));
      await handler.receiveSnapshot(message, counted, signal);
      return { taken: true, reason: '', message: '' };
    } catch (error) {
      // What did not arrive whole is worth another attempt; what the node does not want is not.
      const reason = isBroken ? 'not-whole' : 'not-taken';
      if (!isBroken) this.#tellNotTaken(message.from, error);
      // The error may name paths of this machine.
      return { taken: false, reason, message: codeOf(error) };
    }
  }

  #tellNotTaken(from: bigint, error: unknown): void {
    const { strangersLog } = this.#wire;
    strangersLog.tell('warn', `snapshot ${from}`, 'a snapshot was not taken', { from, error });
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
    throw new TransportError('TRANSPORT_PROTOCOL', 'this is no snapshot message of its sender');
  }
}

/**
 * The memory of the frame that was read last, also where nobody reads on. A read that is under way
 * ends with the connection, and is not waited for.
 */
function giveBack(frames: AsyncGenerator<Buffer, void, void>): void {
  frames.return().catch(() => undefined);
}

function offsetOf({ headers }: IncomingMessage): number {
  const given = headers[offsetHeader];
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given);
  throw new TransportError('TRANSPORT_PROTOCOL', 'the request does not say where it begins');
}

/** The chunks up to the frame that ends the snapshot. Without that one it did not arrive whole. */
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
