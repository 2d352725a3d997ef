/** The messages of one member on an upgraded connection, as they arrive, and the answers that say how far. */
import type { Duplex } from 'node:stream';
import { TransportError } from './errors.ts';
import { decodeMessages, frameHead, FrameReader } from './frames.ts';
import { deliver } from './deliver.ts';
import type { Wire } from './wire.ts';

export class IncomingStream {
  readonly from: bigint;
  readonly #wire: Wire;
  readonly #socket: Duplex;
  readonly #reader: FrameReader;
  #takenBytes = 0;
  #answeredBytes = 0;
  #heardMs: number;

  /** The caller listens to the errors of the socket. */
  constructor(
    wire: Wire,
    socket: Duplex,
    { from, framePayloadMax }: { readonly from: bigint; readonly framePayloadMax: number },
    head: Buffer,
  ) {
    this.#wire = wire;
    this.#socket = socket;
    this.from = from;
    this.#reader = new FrameReader(framePayloadMax);
    this.#heardMs = wire.clock.monotonicMs();
    // Bytes that came with the head of the request.
    socket.unshift(head);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => socket.destroy());
  }

  /** To be called several times within the stall timeout. */
  pulse(nowMs: number): void {
    const { stallTimeoutMs } = this.#wire.settings;
    if (nowMs - this.#heardMs > stallTimeoutMs) this.#socket.destroy();
    // One that reads no answers gets no more of them.
    else if (this.#takenBytes > this.#answeredBytes && !this.#socket.writableNeedDrain) {
      this.#answer();
    }
  }

  forgive(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #answer(): void {
    const payload = Buffer.alloc(8);
    payload.writeBigUInt64BE(BigInt(this.#takenBytes));
    this.#socket.write(Buffer.concat([frameHead(payload), payload]));
    this.#answeredBytes = this.#takenBytes;
  }

  #take(chunk: Buffer): void {
    const { clock, strangersLog, countersOf } = this.#wire;
    this.#heardMs = clock.monotonicMs();
    this.#takenBytes += chunk.length;
    countersOf(this.from).receivedBytes += chunk.length;
    // "Still there?"
    let isAsked = false;
    try {
      for (const payload of this.#reader.push(chunk)) {
        if (this.#socket.destroyed) return;
        if (payload.length === 0) isAsked = true;
        else deliver(this.#wire, this.from, decodeMessages(payload));
      }
      if (isAsked && !this.#socket.writableNeedDrain) this.#answer();
    } catch (error) {
      this.#socket.destroy();
      if (!(error instanceof TransportError)) throw error;
      const { from } = this;
      strangersLog.tell('warn', `stream ${from}`, 'a stream of messages was ended', {
        from,
        error,
      });
    }
  }
}
