/**
 * Frames: what goes over a connection, in both directions. `length (4 bytes), CRC-32 of the payload (4 bytes), payload`,
 * big-endian. TCP's own checksum lets about one damaged segment in 65,536 pass; a damaged entry would be committed, so
 * each frame has one of its own. A frame without a payload says "still here", and ends a snapshot.
 */
import { crc32 } from 'node:zlib';
import { decodeMessage, encodeMessageInto, messageEncodedSize, type Message } from '@babuza/raftpb';
import { TransportError } from './errors.ts';

export const frameHeadBytes = 8;
const lengthBytes = 4;
const smallBytesMax = 4096;

/** A frame without a payload. */
export const emptyFrame: Buffer = Buffer.alloc(frameHeadBytes);

/** The payload is not copied: it is the caller's until the frame is written. */
export function frameHead(payload: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(crc32(payload), 4);
  return head;
}

/** Messages in one frame, each behind its length; together they take `bytes` in it. What a message says is copied. */
export function encodeMessages(messages: readonly Message[], bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + bytes);
  let at = frameHeadBytes;
  for (const message of messages) {
    const end = encodeMessageInto(message, frame, at + lengthBytes);
    frame.writeUInt32BE(end - at - lengthBytes, at);
    at = end;
  }
  frame.writeUInt32BE(bytes, 0);
  frame.writeUInt32BE(crc32(frame.subarray(frameHeadBytes)), 4);
  return frame;
}

/** What a message takes in a frame, in bytes, beside the frame's head. */
export const sizeInFrame = (message: Message): number => lengthBytes + messageEncodedSize(message);

/**
 * The messages of a frame. Their payloads are views into it: it belongs to them from now on.
 *
 * @throws TransportError (`TRANSPORT_PROTOCOL`).
 */
export function decodeMessages(payload: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < payload.length;) {
    const isWhole = at + lengthBytes <= payload.length;
    const begin = at + lengthBytes;
    const end = isWhole ? begin + payload.readUInt32BE(at) : Infinity;
    if (end > payload.length) throw damaged('a message is longer than its frame');
    try {
      messages.push(decodeMessage(payload.subarray(begin, end)));
    } catch (error) {
      throw damaged('a message cannot be read', error);
    }
    at = end;
  }
  return messages;
}

/** Cuts what arrives into the payloads of frames. Holds one frame at most, and only what has arrived of it. */
export class FrameReader {
  readonly #payloadBytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Of the frame that arrives; absent while its head does. */
  #head: { readonly length: number; readonly crc: number } | undefined;

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Whether it ends between two frames. */
  get isWhole(): boolean {
    return this.#bytes === 0 && this.#head === undefined;
  }

  /** In how many pieces lies what has arrived of a frame. */
  get pieces(): number {
    return this.#chunks.length;
  }

  /**
   * The payloads that are complete now: views into what arrived, and theirs from now on.
   *
   * @throws TransportError (`TRANSPORT_PROTOCOL`) for a frame that is too long, or damaged.
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#mergeSmall();
    const payloads: Buffer[] = [];
    for (;;) {
      if (this.#head === undefined) {
        if (this.#bytes < frameHeadBytes) return payloads;
        this.#head = this.#readHead(this.#take(frameHeadBytes));
      }
      const { length, crc } = this.#head;
      if (this.#bytes < length) return payloads;
      const payload = this.#take(length);
      if (crc32(payload) !== crc) throw damaged('the checksum of a frame is wrong');
      this.#head = undefined;
      payloads.push(payload);
    }
  }

  /** A piece costs more memory than a small one holds: who sends byte by byte would be expensive. */
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

function damaged(problem: string, cause?: unknown): TransportError {
  return new TransportError('TRANSPORT_PROTOCOL', problem, { cause });
}
