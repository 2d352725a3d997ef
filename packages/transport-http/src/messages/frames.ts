/**
 * The encoding of frames, used in both directions: length (4 bytes), CRC-32 of the payload (4
 * bytes), payload; integers are big-endian. The checksum of TCP misses about one damaged segment in
 * 65,536, and a damaged entry would be committed, so each frame has its own checksum. An empty
 * frame asks for an answer on a stream, and ends a snapshot.
 */
import { crc32 } from 'node:zlib';
import {
  decodeMessage,
  encodeMessageInto,
  messageEncodedSize,
  type Message,
  type PartsAllowance,
} from '@babuza/raftpb';
import { TransportError } from '../errors.ts';

export const frameHeadBytes = 8;
const lengthBytes = 4;

/** A frame without a payload. */
export const emptyFrame: Buffer = Buffer.alloc(frameHeadBytes);

/**
 * The head of a frame. The payload is not copied: it must not change until the frame was written.
 */
export function frameHead(payload: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(crc32(payload), 4);
  return head;
}

/**
 * Encodes messages into one frame, each with its length before it. `bytes` is the sum of their
 * `sizeInFrame`. The messages are copied.
 */
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

/** The bytes that a message takes in the payload of a frame. */
export const sizeInFrame = (message: Message): number => lengthBytes + messageEncodedSize(message);

/**
 * The most messages, entries, ids and other parts in one frame. Each becomes an object of 100 to
 * 250 bytes, however small it is in the frame: without a limit, 34 MiB of empty entries would take
 * gibibytes of memory. `MessageQueue` puts at most 256 messages, each with two or more ids, and
 * 16,383 entries into a frame.
 */
export const partsPerFrameMax = 32_768;

/**
 * Decodes the messages of a frame. Their data are views of the payload, which must not be reused.
 *
 * @throws TransportError (`TRANSPORT_PROTOCOL`) if the payload is malformed.
 */
export function decodeMessages(payload: Buffer): Message[] {
  const messages: Message[] = [];
  const allowance = { partsLeft: partsPerFrameMax };
  for (let at = 0; at < payload.length;) {
    const isWhole = at + lengthBytes <= payload.length;
    const begin = at + lengthBytes;
    const end = isWhole ? begin + payload.readUInt32BE(at) : Infinity;
    if (end > payload.length) throw damaged('a message is longer than its frame');
    allowance.partsLeft -= 1;
    if (allowance.partsLeft < 0) throw damaged(tooManyParts);
    messages.push(decodePart(payload.subarray(begin, end), allowance));
    at = end;
  }
  return messages;
}

/**
 * Decodes a frame that consists of one message.
 *
 * @throws TransportError (`TRANSPORT_PROTOCOL`) if the message is malformed.
 */
export function decodeSingle(payload: Buffer): Message {
  return decodePart(payload, { partsLeft: partsPerFrameMax });
}

const tooManyParts = `a frame has at most ${partsPerFrameMax} messages, entries and ids together`;

function decodePart(bytes: Buffer, allowance: PartsAllowance): Message {
  try {
    return decodeMessage(bytes, allowance);
  } catch (error) {
    throw damaged(allowance.partsLeft < 0 ? tooManyParts : 'a message cannot be read', error);
  }
}

function damaged(problem: string, cause?: unknown): TransportError {
  return new TransportError('TRANSPORT_PROTOCOL', problem, { cause });
}
