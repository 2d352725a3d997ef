/** Cuts what arrives on a connection, or in a body, into the payloads of frames. */
import { crc32 } from 'node:zlib';
import { smallFrameBytesMax, type Claim } from '../budget/incoming-budget.ts';
import { TransportError } from '../errors.ts';
import { frameHeadBytes } from './frames.ts';

const smallBytesMax = 4096;

/**
 * Holds one frame at most, and what came behind it in the same chunk. Of a small frame it holds
 * what has arrived. For a large one its memory is reserved first: until then nothing more is to be
 * read.
 */
export class FrameReader {
  readonly #payloadBytesMax: number;
  readonly #claim: Claim | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Of the frame that arrives; absent while its head does. */
  #head: { readonly length: number; readonly crc: number } | undefined;
  /** Of a large frame whose memory is reserved; the first `#filled` bytes have arrived. */
  #large: Buffer | undefined;
  #filled = 0;

  /** Without a claim nothing is reserved. */
  constructor(payloadBytesMax: number, claim?: Claim) {
    this.#payloadBytesMax = payloadBytesMax;
    this.#claim = claim;
  }

  /** Whether it ends between two frames. */
  get isWhole(): boolean {
    return this.#bytes === 0 && this.#head === undefined;
  }

  /**
   * Whether a frame waits for its memory: nothing more is to be added before the claim is granted.
   */
  get isWaiting(): boolean {
    return this.#claim?.state === 'waiting';
  }

  /** In how many pieces lies what has arrived of a frame. */
  get pieces(): number {
    return this.#chunks.length;
  }

  /** What has arrived. */
  add(chunk: Buffer): void {
    const rest = this.#large === undefined ? chunk : this.#fill(this.#large, chunk);
    if (rest.length === 0) return;
    this.#chunks.push(rest);
    this.#bytes += rest.length;
    this.#mergeSmall();
  }

  /**
   * The next payload that is complete: a view into what arrived, and the caller's from now on. The
   * memory of the payload before it is given back. Where there is none, a frame waits for its
   * memory or for more.
   *
   * @throws TransportError (`TRANSPORT_PROTOCOL`) for a frame that is too long, or damaged.
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

  /** The rest will not come. The memory of a large frame serves the next one. */
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

  /** Returns what belongs to the next frame. */
  #fill(large: Buffer, chunk: Buffer): Buffer {
    const bytes = Math.min(large.length - this.#filled, chunk.length);
    chunk.copy(large, this.#filled, 0, bytes);
    this.#filled += bytes;
    return chunk.subarray(bytes);
  }

  /**
   * A piece costs more memory than a small one holds: who sends byte by byte would be expensive.
   */
  #mergeSmall(): void {
    const pieces = this.#chunks;
    for (;;) {
      const last = pieces.at(-1);
      const before = pieces.at(-2);
      if (last === undefined || before === undefined) return;
      // Equals with equals, so that each byte is copied a few times only.
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
