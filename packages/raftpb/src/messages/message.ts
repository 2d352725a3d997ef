/**
 * `raftpb.Message`: `08 type` always, every other field when it is not its default: `10 to`,
 * `18 from`, `20 term`, `28 logTerm`, `30 index`, `(3a length Entry)*`, `40 commit`,
 * `4a length Snapshot`, `50 reject`, `58 rejectHint`, `62 length context`, `68 vote`,
 * `(72 length Message)*`.
 *
 * etcd up to 3.6 writes every number, also zeros, and an empty snapshot in every message. Both are
 * read here, and mean the same. Its readers take absent fields for zeros, so one form is written.
 */

import { RaftpbEncodeError } from '../errors.ts';
import { draftMessage, MessageType, messageTypeMax, type Message } from '../message.ts';
import type { Entry } from '../types.ts';
import { allocate } from '../wire/allocate.ts';
import { Reader, type PartsAllowance } from '../wire/reader.ts';
import {
  checkRoom,
  sizeOfBytes,
  sizeOfEmbedded,
  sizeOfId,
  sizeOfSafeInteger,
} from '../wire/size.ts';
import { bytesTag, tagBytes, varintTag } from '../wire/tags.ts';
import { writeBytes, writeEmbeddedHead, writeId, writeNumber } from '../wire/write.ts';
import { entryEncodedSize, readEntry, writeEntry } from './entry.ts';
import {
  finishSnapshot,
  newSnapshotDraft,
  readSnapshot,
  snapshotEncodedSize,
  writeSnapshot,
  type SnapshotDraft,
} from './snapshot.ts';

const typeTag = varintTag(1);
const toTag = varintTag(2);
const fromTag = varintTag(3);
const termTag = varintTag(4);
const logTermTag = varintTag(5);
const indexTag = varintTag(6);
const entriesTag = bytesTag(7);
const commitTag = varintTag(8);
const snapshotTag = bytesTag(9);
const rejectTag = varintTag(10);
const rejectHintTag = varintTag(11);
const contextTag = bytesTag(12);
const voteTag = varintTag(13);
const responsesTag = bytesTag(14);
const knownFieldMax = 14;

/**
 * How deep responses may nest. Raft itself needs 1: a storage message has responses, and a response
 * has none. Deeper nesting is an attack and is refused in both directions before it can exhaust the
 * stack.
 */
export const responsesDepthMax = 4;

/**
 * The size of `encodeMessage(message)` in bytes, exact, without allocating.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as `encodeMessage`.
 */
export function messageEncodedSize(message: Message): number {
  return sizeOfMessage(message, 0);
}

/**
 * The message in bytes of its own.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when the type is unknown, a number is not an integer
 * from 0 to 2^53 - 1, an id is not a bigint of 64 bits, a payload is not a byte array, an entry or
 * the snapshot cannot be encoded, or responses nest deeper than `responsesDepthMax`.
 */
export function encodeMessage(message: Message): Uint8Array {
  const target = allocate(messageEncodedSize(message));
  writeMessage(message, target, 0);
  return target;
}

/**
 * Writes the message into `target` from `offset` (bytes) on, and returns the offset behind it.
 * Payloads are copied.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeMessage`, and when it does not fit;
 * `target` is then untouched.
 */
export function encodeMessageInto(message: Message, target: Uint8Array, offset: number): number {
  checkRoom('Message', messageEncodedSize(message), target, offset);
  return writeMessage(message, target, offset);
}

/**
 * Reads one message that fills `bytes`. **Payloads are views into `bytes`, not copies.** Absent
 * fields have their defaults. A snapshot of index 0 in a message that is not `Snap` counts as
 * absent, because older etcd writes it into every message.
 *
 * The memory of the result is bounded by about a hundred times the length of the input, because
 * each entry and each response takes at least two bytes of it. For untrusted input pass an
 * `allowance`: a message with more entries, responses, ids and other embedded parts is refused
 * (`RAFTPB_DECODE`), and the parts that were read count against the allowance all the same.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not a message, a number is above
 *   2^53 - 1, the type of the message or of an entry is unknown, or responses nest deeper than
 *   `responsesDepthMax`.
 */
export function decodeMessage(bytes: Uint8Array, allowance?: PartsAllowance): Message {
  return readMessage(new Reader(bytes, allowance), 0);
}

function sizeOfMessage(message: Message, depth: number): number {
  const { type } = message;
  if (!Number.isInteger(type) || type < 0 || type > messageTypeMax) {
    throw new RaftpbEncodeError('Message.type', `expected 0 to ${messageTypeMax}, got ${type}`);
  }
  if (depth > responsesDepthMax) {
    throw new RaftpbEncodeError(
      'Message.responses',
      `they nest deeper than ${responsesDepthMax} levels`,
    );
  }
  let size = tagBytes + 1;
  size += sizeOfPresentId(message.to, 'Message.to');
  size += sizeOfPresentId(message.from, 'Message.from');
  size += sizeOfPresentNumber(message.term, 'Message.term');
  size += sizeOfPresentNumber(message.logTerm, 'Message.logTerm');
  size += sizeOfPresentNumber(message.index, 'Message.index');
  size += sizeOfPresentNumber(message.commit, 'Message.commit');
  size += message.reject ? tagBytes + 1 : 0;
  size += sizeOfPresentNumber(message.rejectHint, 'Message.rejectHint');
  size += sizeOfPresentId(message.vote, 'Message.vote');
  return size + sizeOfEmbeddedFields(message, depth);
}

function sizeOfEmbeddedFields(message: Message, depth: number): number {
  const { context, entries, snapshot, responses } = message;
  let size = 0;
  for (const entry of entries) size += tagBytes + sizeOfEmbedded(entryEncodedSize(entry));
  if (snapshot !== undefined) size += tagBytes + sizeOfEmbedded(snapshotEncodedSize(snapshot));
  if (context !== undefined) size += tagBytes + sizeOfBytes(context, 'Message.context');
  for (const response of responses) {
    size += tagBytes + sizeOfEmbedded(sizeOfMessage(response, depth + 1));
  }
  return size;
}

function sizeOfPresentId(id: bigint, what: string): number {
  const size = sizeOfId(id, what);
  return id === 0n ? 0 : tagBytes + size;
}

function sizeOfPresentNumber(value: number, what: string): number {
  const size = sizeOfSafeInteger(value, what);
  return value === 0 ? 0 : tagBytes + size;
}

function writeMessage(message: Message, target: Uint8Array, offset: number): number {
  let end = writeNumber(target, offset, typeTag, message.type);
  end = writePresentId(target, end, toTag, message.to);
  end = writePresentId(target, end, fromTag, message.from);
  end = writePresentNumber(target, end, termTag, message.term);
  end = writePresentNumber(target, end, logTermTag, message.logTerm);
  end = writePresentNumber(target, end, indexTag, message.index);
  for (const entry of message.entries) {
    end = writeEmbeddedHead(target, end, entriesTag, entryEncodedSize(entry));
    end = writeEntry(entry, target, end, 'newest');
  }
  end = writePresentNumber(target, end, commitTag, message.commit);
  if (message.snapshot !== undefined) {
    const { snapshot } = message;
    end = writeEmbeddedHead(target, end, snapshotTag, snapshotEncodedSize(snapshot));
    end = writeSnapshot(snapshot, target, end);
  }
  if (message.reject) end = writeNumber(target, end, rejectTag, 1);
  end = writePresentNumber(target, end, rejectHintTag, message.rejectHint);
  if (message.context !== undefined) end = writeBytes(target, end, contextTag, message.context);
  end = writePresentId(target, end, voteTag, message.vote);
  for (const response of message.responses) {
    end = writeEmbeddedHead(target, end, responsesTag, messageEncodedSize(response));
    end = writeMessage(response, target, end);
  }
  return end;
}

function writePresentId(target: Uint8Array, offset: number, tag: number, id: bigint): number {
  return id === 0n ? offset : writeId(target, offset, tag, id);
}

function writePresentNumber(
  target: Uint8Array,
  offset: number,
  tag: number,
  value: number,
): number {
  return value === 0 ? offset : writeNumber(target, offset, tag, value);
}

/** A message that is read in pieces and completed at the end. */
interface Pieces {
  readonly entries: Entry[];
  readonly responses: Message[];
  snapshot: SnapshotDraft | undefined;
}

function readMessage(reader: Reader, depth: number): Message {
  const draft = draftMessage(MessageType.Hup, 0n, 0n, 0);
  const pieces: Pieces = { entries: [], responses: [], snapshot: undefined };
  while (reader.hasMore()) {
    const tag = reader.tag('Message');
    if (tag === typeTag) draft.type = readType(reader);
    else if (tag === toTag) draft.to = reader.id('Message.to');
    else if (tag === fromTag) draft.from = reader.id('Message.from');
    else if (tag === termTag) draft.term = reader.safeInteger('Message.term');
    else if (tag === logTermTag) draft.logTerm = reader.safeInteger('Message.logTerm');
    else if (tag === indexTag) draft.index = reader.safeInteger('Message.index');
    else if (tag === commitTag) draft.commit = reader.safeInteger('Message.commit');
    else if (tag === rejectTag) draft.reject = reader.bool('Message.reject');
    else if (tag === rejectHintTag) draft.rejectHint = reader.safeInteger('Message.rejectHint');
    else if (tag === contextTag) draft.context = reader.bytes('Message.context');
    else if (tag === voteTag) draft.vote = reader.id('Message.vote');
    else readEmbedded(reader, tag, pieces, depth);
  }
  if (pieces.entries.length > 0) draft.entries = pieces.entries;
  if (pieces.responses.length > 0) draft.responses = pieces.responses;
  const { snapshot } = pieces;
  if (snapshot !== undefined && (draft.type === MessageType.Snap || snapshot.metadata.index > 0)) {
    draft.snapshot = finishSnapshot(snapshot);
  }
  return draft;
}

function readEmbedded(reader: Reader, tag: number, pieces: Pieces, depth: number): void {
  if (tag === entriesTag) {
    const outerEnd = reader.enter('Message.entries');
    pieces.entries.push(readEntry(reader));
    reader.leave(outerEnd);
  } else if (tag === snapshotTag) {
    pieces.snapshot ??= newSnapshotDraft();
    const outerEnd = reader.enter('Message.snapshot');
    readSnapshot(reader, pieces.snapshot);
    reader.leave(outerEnd);
  } else if (tag === responsesTag) {
    if (depth === responsesDepthMax) {
      reader.fail('Message.responses', `they nest deeper than ${responsesDepthMax} levels`);
    }
    const outerEnd = reader.enter('Message.responses');
    pieces.responses.push(readMessage(reader, depth + 1));
    reader.leave(outerEnd);
  } else reader.skipUnknown(tag, knownFieldMax, 'Message');
}

function readType(reader: Reader): MessageType {
  const type = reader.safeInteger('Message.type');
  if (type > messageTypeMax) return reader.fail('Message.type', `${type} is not a type of message`);
  // Every number from 0 to `messageTypeMax` is a type.
  return type as MessageType;
}
