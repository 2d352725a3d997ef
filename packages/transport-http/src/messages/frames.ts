/**
 * Frames: what goes over a connection, in both directions.
 * `length (4 bytes), CRC-32 of the payload (4 bytes), payload`, big-endian. TCP's own checksum lets
 * about one damaged segment in 65,536 pass; a damaged entry would be committed, so each frame has
 * one of its own. A frame without a payload says "still here", and ends a snapshot.
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

/** The payload is not copied: it is the caller's until the frame is written. */
export function frameHead(payload: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(crc32(payload), 4);
  return head;
}

/**
 * Messages in one frame, each behind its length; together they take `bytes` in it. What a message
 * says is copied.
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

/** What a message takes in a frame, in bytes, beside the frame's head. */
export const sizeInFrame = (message: Message): number => lengthBytes + messageEncodedSize(message);

/**
 * Messages, entries, ids and other parts of one frame. Each becomes an object of 100 to 250 bytes,
 * whatever it takes in the frame: without a limit 34 MiB of empty entries would take gibibytes. A
 * frame of this code has at most 256 messages with two ids and more each, and 16,383 entries: see
 * `MessageQueue`.
 */
export const partsPerFrameMax = 32_768;

/**
 * The messages of a frame. Their payloads are views into it: it belongs to them from now on.
 *
 * @throws TransportError (`TRANSPORT_PROTOCOL`).
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
 * The only message of a frame.
 *
 * @throws TransportError (`TRANSPORT_PROTOCOL`).
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
