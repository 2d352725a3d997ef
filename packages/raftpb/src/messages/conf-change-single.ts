/** `raftpb.ConfChangeSingle`: `08 type`, `10 node_id`. Both are always written. */

import { RaftpbEncodeError } from '../errors.ts';
import { ConfChangeType, type ConfChangeSingle } from '../conf-change.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom, sizeOfId } from '../wire/size.ts';
import { tagBytes, varintTag } from '../wire/tags.ts';
import { writeId, writeNumber } from '../wire/write.ts';

const typeTag = varintTag(1);
const nodeIdTag = varintTag(2);
const knownFieldMax = 2;

/**
 * The size of `encodeConfChangeSingle(change)` in bytes, exact.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as
 * `encodeConfChangeSingle`.
 */
export function confChangeSingleEncodedSize(change: ConfChangeSingle): number {
  return (
    sizeOfConfChangeType(change.type, 'ConfChangeSingle.type') +
    tagBytes +
    sizeOfId(change.nodeId, 'ConfChangeSingle.nodeId')
  );
}

/**
 * The operation in bytes of its own.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when the type is unknown or the id is not a bigint of
 * 64 bits.
 */
export function encodeConfChangeSingle(change: ConfChangeSingle): Uint8Array {
  const target = new Uint8Array(confChangeSingleEncodedSize(change));
  writeConfChangeSingle(change, target, 0);
  return target;
}

/**
 * Writes the operation into `target` from `offset` (bytes) on, and returns the offset behind it.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeConfChangeSingle`, and when it does not
 * fit; `target` is then untouched.
 */
export function encodeConfChangeSingleInto(
  change: ConfChangeSingle,
  target: Uint8Array,
  offset: number,
): number {
  checkRoom('ConfChangeSingle', confChangeSingleEncodedSize(change), target, offset);
  return writeConfChangeSingle(change, target, offset);
}

/**
 * Reads one operation that fills `bytes`; nothing of them is kept. Absent fields are 0.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not an operation or its type is
 * unknown (to take it for another could change the membership wrongly).
 */
export function decodeConfChangeSingle(bytes: Uint8Array): ConfChangeSingle {
  return readConfChangeSingle(new Reader(bytes));
}

/** Writes what `confChangeSingleEncodedSize` has checked; for messages that embed operations. */
export function writeConfChangeSingle(
  change: ConfChangeSingle,
  target: Uint8Array,
  offset: number,
): number {
  const end = writeNumber(target, offset, typeTag, change.type);
  return writeId(target, end, nodeIdTag, change.nodeId);
}

/** Reads the operation that the reader is in. */
export function readConfChangeSingle(reader: Reader): ConfChangeSingle {
  let type: ConfChangeType = ConfChangeType.AddNode;
  let nodeId = 0n;
  while (reader.hasMore()) {
    const tag = reader.tag('ConfChangeSingle');
    if (tag === typeTag) type = readConfChangeType(reader, 'ConfChangeSingle.type');
    else if (tag === nodeIdTag) nodeId = reader.id('ConfChangeSingle.nodeId');
    else reader.skipUnknown(tag, knownFieldMax, 'ConfChangeSingle');
  }
  return { type, nodeId };
}

/** The size of a type with its tag. Throws `RAFTPB_ENCODE` for an unknown one. */
export function sizeOfConfChangeType(type: ConfChangeType, what: string): number {
  if (type !== 0 && type !== 1 && type !== 2 && type !== 3) {
    throw new RaftpbEncodeError(what, `expected 0 to 3, got ${String(type)}`);
  }
  return tagBytes + 1;
}

/** A known type; an unknown one is an error. */
export function readConfChangeType(reader: Reader, what: string): ConfChangeType {
  const type = reader.safeInteger(what);
  if (type === ConfChangeType.AddNode) return ConfChangeType.AddNode;
  if (type === ConfChangeType.RemoveNode) return ConfChangeType.RemoveNode;
  if (type === ConfChangeType.UpdateNode) return ConfChangeType.UpdateNode;
  if (type === ConfChangeType.AddLearnerNode) return ConfChangeType.AddLearnerNode;
  return reader.fail(what, `${type} is not a type of change`);
}
