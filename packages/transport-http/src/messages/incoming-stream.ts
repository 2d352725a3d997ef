/**
 * The receiving side of a stream: delivers the messages of one member and answers with the number
 * of bytes that it has received.
 */
import type { Duplex } from 'node:stream';
import type { Message } from '@babuza/raftpb';
import type { Admitted } from '../server/admission.ts';
import { smallFrameBytesMax, type Claim } from '../budget/incoming-budget.ts';
import { bytesPerSecondMin, RateWatch } from '../budget/rate-watch.ts';
import { deliver, roomFor } from './deliver.ts';
import { TransportError } from '../errors.ts';
import { FrameReader } from './frame-reader.ts';
import { decodeMessages, encodeMessages, frameHead, sizeInFrame } from './frames.ts';
import type { Wire } from '../wire.ts';

export class IncomingStream {
  readonly from: bigint;
  readonly #wire: Wire;
  readonly #socket: Duplex;
  readonly #reader: FrameReader;
  readonly #claim: Claim;
  readonly #rate: RateWatch;
  readonly #takesReplies: boolean;
  /** A frame that waits until the node can take its entries. */
  #held: Buffer | undefined;
  #takenBytes = 0;
  #answeredBytes = 0;
  #heardMs: number;

  /** The caller must listen to the errors of the socket. */
  constructor(
    wire: Wire,
    socket: Duplex,
    { from, framePayloadMax, takesReplies }: Omit<Admitted, 'isFine' | 'answer'>,
    head: Buffer,
  ) {
    this.#wire = wire;
    this.#socket = socket;
    this.from = from;
    this.#takesReplies = takesReplies;
    this.#claim = wire.budget.newClaim(
      from,
      () => this.#work(),
      (error) => this.#end(error),
    );
    this.#reader = new FrameReader(framePayloadMax, this.#claim);
    this.#rate = new RateWatch(wire.clock, wire.settings.stallTimeoutMs);
    this.#heardMs = wire.clock.monotonicMs();
    // `head` holds the bytes that arrived with the head of the request.
    socket.unshift(head);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => socket.destroy());
    socket.once('close', () => {
      this.#held = undefined;
      this.#reader.drop();
    });
  }

  /** Call it several times per stall timeout. */
  pulse(nowMs: number): void {
    const { stallTimeoutMs } = this.#wire.settings;
    // While this side does not read, the peer is not at fault, and must still get answers.
    if (this.#isPaused) this.#heardMs = nowMs;
    if (nowMs - this.#heardMs > stallTimeoutMs) this.#socket.destroy();
    // Do not answer a peer that does not read the answers.
    else if (
      (this.#isPaused || this.#takenBytes > this.#answeredBytes) &&
      !this.#socket.writableNeedDrain
    ) {
      this.#answer();
    }
  }

  forgive(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Sends a small message to the peer on this stream. Returns false if the peer does not accept
   * replies, has not read the earlier ones, or the message is too large.
   */
  reply(message: Message): boolean {
    const bytes = sizeInFrame(message);
    const canTake =
      this.#takesReplies && !this.#socket.destroyed && !this.#socket.writableNeedDrain;
    if (!canTake || bytes > smallFrameBytesMax) return false;
    const counters = this.#wire.countersOf(this.from);
    counters.sentMessages += 1;
    counters.sentBytes += bytes;
    this.#socket.write(encodeMessages([message], bytes));
    return true;
  }

  /** Whether reading is paused: a frame waits for its memory or for the node. */
  get #isPaused(): boolean {
    return this.#held !== undefined || this.#reader.isWaiting;
  }

  #answer(): void {
    const payload = Buffer.alloc(8);
    payload.writeBigUInt64BE(BigInt(this.#takenBytes));
    this.#socket.write(Buffer.concat([frameHead(payload), payload]));
    this.#answeredBytes = this.#takenBytes;
  }

  #take(chunk: Buffer): void {
    const { clock, countersOf } = this.#wire;
    this.#heardMs = clock.monotonicMs();
    this.#takenBytes += chunk.length;
    countersOf(this.from).receivedBytes += chunk.length;
    if (!this.#rate.came(chunk.length)) {
      const problem = `a frame arrived at less than ${bytesPerSecondMin} bytes per second`;
      this.#end(new TransportError('TRANSPORT_BROKEN', problem));
      return;
    }
    this.#reader.add(chunk);
    this.#work();
  }

  /** Delivers all complete frames, and continues to read unless a frame has to wait. */
  #work(): void {
    try {
      // The peer has sent an empty frame, which asks for an answer.
      const isAsked = this.#handOver();
      if (this.#socket.destroyed) return;
      if (isAsked && !this.#socket.writableNeedDrain) this.#answer();
      if (this.#isPaused) this.#socket.pause();
      else if (this.#socket.isPaused()) this.#socket.resume();
      if (this.#reader.isWhole) this.#rate.reset();
      else if (!this.#isPaused) this.#rate.wait();
    } catch (error) {
      if (!(error instanceof TransportError)) {
        this.#socket.destroy();
        throw error;
      }
      this.#end(error);
    }
  }

  /** Delivers complete frames. Returns whether the peer has asked for an answer. */
  #handOver(): boolean {
    const { from } = this;
    let isAsked = false;
    let payload = this.#held ?? this.#reader.next();
    while (payload !== undefined && !this.#socket.destroyed) {
      if (payload.length === 0) isAsked = true;
      else {
        const room = roomFor(this.#wire, payload);
        if (room !== undefined) {
          this.#hold(payload, room);
          return isAsked;
        }
        deliver(this.#wire, from, decodeMessages(payload));
      }
      this.#held = undefined;
      payload = this.#reader.next();
    }
    return isAsked;
  }

  #hold(payload: Buffer, room: Promise<void>): void {
    this.#held = payload;
    void room.then(() => {
      if (!this.#socket.destroyed) this.#work();
    });
  }

  #end(error: TransportError): void {
    const { from } = this;
    this.#socket.destroy();
    this.#wire.strangersLog.tell('warn', `stream ${from}`, 'a stream of messages was ended', {
      from,
      error,
    });
  }
}
