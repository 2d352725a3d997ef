/** Splits incoming bytes into the payloads of frames. */
import { crc32 } from 'node:zlib';
import { smallFrameBytesMax, type Claim } from '../budget/incoming-budget.ts';
import { TransportError } from '../errors.ts';
import { frameHeadBytes } from './frames.ts';

const smallBytesMax = 4096;

/**
 * Buffers at most one frame and the bytes behind it in the last chunk. A small frame is buffered as
 * it arrives. Memory for a large frame is reserved first, and nothing more may be read until it is
 * granted.
 */
export class FrameReader {
  readonly #payloadBytesMax: number;
  readonly #claim: Claim | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** The head of the current frame; `undefined` until it has arrived. */
  #head: { readonly length: number; readonly crc: number } | undefined;
  /** The memory of a large frame; its first `#filled` bytes have arrived. */
  #large: Buffer | undefined;
  #filled = 0;

  /** Without a claim no memory is reserved. */
  constructor(payloadBytesMax: number, claim?: Claim) {
    this.#payloadBytesMax = payloadBytesMax;
    this.#claim = claim;
  }

  /** Whether the bytes so far end at a frame boundary. */
  get isWhole(): boolean {
    return this.#bytes === 0 && this.#head === undefined;
  }

  /**
   * Whether a frame waits for its memory. Then do not add more bytes until the claim is granted.
   */
  get isWaiting(): boolean {
    return this.#claim?.state === 'waiting';
  }

  /** The number of chunks that hold the current frame. */
  get pieces(): number {
    return this.#chunks.length;
  }

  /** Adds bytes that have arrived. */
  add(chunk: Buffer): void {
    const rest = this.#large === undefined ? chunk : this.#fill(this.#large, chunk);
    if (rest.length === 0) return;
    this.#chunks.push(rest);
    this.#bytes += rest.length;
    this.#mergeSmall();
  }

  /**
   * Returns the next complete payload, or `undefined` if more bytes or memory are needed. The
   * payload is a view of the received bytes and belongs to the caller. The reservation of the
   * previous payload is released.
   *
   * @throws TransportError (`TRANSPORT_PROTOCOL`) if a frame is too long or damaged.
   */
  next(): Buffer | undefined {
    if (this.isWaiting) return undefined;
    if (this.#head === undefined) {
      this.#claim?.release();
      if (this.#bytes < frameHeadBytes) return undefined;
      this.#head = this.#readHead(this.#take(frameHeadBytes));
      const { length } = this.#head;
      const isLarge = length > smallFrameBytesMax;
      if (isLarge && this.#claim?.ask(length) === false) return undefined;
    }
    const payload = this.#payload(this.#head.length);
    if (payload === undefined) return undefined;
    if (crc32(payload) !== this.#head.crc) throw damaged('the checksum of a frame is wrong');
    this.#head = undefined;
    if (this.#claim !== undefined) this.#claim.isComplete = true;
    return payload;
  }

  /**
   * The connection has ended: releases everything. The memory of an incomplete large frame is kept
   * for reuse.
   */
  drop(): void {
    const large = this.#large;
    this.#large = undefined;
    this.#chunks = [];
    if (large !== undefined) this.#claim?.recycle(large);
    this.#claim?.release();
  }

  #payload(length: number): Buffer | undefined {
    if (length <= smallFrameBytesMax || (this.#large === undefined && this.#bytes >= length)) {
      return this.#bytes < length ? undefined : this.#take(length);
    }
    const large = this.#large ?? this.#beginLarge(length);
    if (this.#filled < length) return undefined;
    this.#large = undefined;
    return large;
  }

  #beginLarge(length: number): Buffer {
    const large = this.#claim?.recycled(length) ?? Buffer.allocUnsafeSlow(length);
    this.#large = large;
    this.#filled = 0;
    for (const chunk of this.#chunks) this.#fill(large, chunk);
    this.#chunks = [];
    this.#bytes = 0;
    return large;
  }

  /** Copies a chunk into the large frame. Returns the bytes that belong to the next frame. */
  #fill(large: Buffer, chunk: Buffer): Buffer {
    const bytes = Math.min(large.length - this.#filled, chunk.length);
    chunk.copy(large, this.#filled, 0, bytes);
    this.#filled += bytes;
    return chunk.subarray(bytes);
  }

  /**
   * Merges small chunks. A `Buffer` object takes more memory than a few bytes, so a peer that sends
   * byte by byte would otherwise use a multiple of the frame's size.
   */
  #mergeSmall(): void {
    const pieces = this.#chunks;
    for (;;) {
      const last = pieces.at(-1);
      const before = pieces.at(-2);
      if (last === undefined || before === undefined) return;
      // Merge chunks of similar size only, so that each byte is copied just a few times.
      if (before.length > last.length || before.length > smallBytesMax) return;
      pieces.splice(-2);
      pieces.push(Buffer.concat([before, last]));
    }
  }

  #readHead(head: Buffer): { length: number; crc: number } {
    const length = head.readUInt32BE(0);
    if (length > this.#payloadBytesMax) {
      throw damaged(`a frame has at most ${this.#payloadBytesMax} bytes; got ${length}`);
    }
    return { length, crc: head.readUInt32BE(4) };
  }

  #take(length: number): Buffer {
    let first = this.#chunks[0] ?? Buffer.alloc(0);
    if (first.length < length) {
      first = Buffer.concat(this.#chunks);
      this.#chunks = [first];
    }
    if (first.length === length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(length);
    this.#bytes -= length;
    return first.subarray(0, length);
  }
}

function damaged(problem: string): TransportError {
  return new TransportError('TRANSPORT_PROTOCOL', problem);
}
