/**
 * `raftpb.ConfChange`: `08 id` when it is not 0, `10 type` and `18 node_id` always,
 * `22 length context` when there is one.
 */

import { ConfChangeType, type ConfChange } from '../conf-change.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom, sizeOfBytes, sizeOfId } from '../wire/size.ts';
import { bytesTag, tagBytes, varintTag } from '../wire/tags.ts';
import { writeBytes, writeId, writeNumber } from '../wire/write.ts';
import { readConfChangeType, sizeOfConfChangeType } from './conf-change-single.ts';

const idTag = varintTag(1);
const typeTag = varintTag(2);
const nodeIdTag = varintTag(3);
const contextTag = bytesTag(4);
const knownFieldMax = 4;

/**
 * The size of `encodeConfChange(change)` in bytes, exact.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as `encodeConfChange`.
 */
export function confChangeEncodedSize(change: ConfChange): number {
  const idBytes = sizeOfId(change.id, 'ConfChange.id');
  let size = change.id === 0n ? 0 : tagBytes + idBytes;
  size += sizeOfConfChangeType(change.type, 'ConfChange.type');
  size += tagBytes + sizeOfId(change.nodeId, 'ConfChange.nodeId');
  if (change.context === undefined) return size;
  return size + tagBytes + sizeOfBytes(change.context, 'ConfChange.context');
}

/**
 * The change in bytes of its own.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when the type is unknown, an id is not a bigint of 64
 * bits or the context is not a byte array.
 */
export function encodeConfChange(change: ConfChange): Uint8Array {
  const target = new Uint8Array(confChangeEncodedSize(change));
  writeConfChange(change, target, 0);
  return target;
}

/**
 * Writes the change into `target` from `offset` (bytes) on, and returns the offset behind it.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeConfChange`, and when it does not fit;
 * `target` is then untouched.
 */
export function encodeConfChangeInto(
  change: ConfChange,
  target: Uint8Array,
  offset: number,
): number {
  checkRoom('ConfChange', confChangeEncodedSize(change), target, offset);
  return writeConfChange(change, target, offset);
}

/**
 * Reads one change that fills `bytes`. **`context` is a view into `bytes`, not a copy.** Absent
 * fields are 0; a change without context has no property `context`.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not a change or its type is
 * unknown.
 */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  const reader = new Reader(bytes);
  let id = 0n;
  let type: ConfChangeType = ConfChangeType.AddNode;
  let nodeId = 0n;
  let context: Uint8Array | undefined;
  while (reader.hasMore()) {
    const tag = reader.tag('ConfChange');
    if (tag === idTag) id = reader.id('ConfChange.id');
    else if (tag === typeTag) type = readConfChangeType(reader, 'ConfChange.type');
    else if (tag === nodeIdTag) nodeId = reader.id('ConfChange.nodeId');
    else if (tag === contextTag) context = reader.bytes('ConfChange.context');
    else reader.skipUnknown(tag, knownFieldMax, 'ConfChange');
  }
  return context === undefined ? { id, type, nodeId } : { id, type, nodeId, context };
}

function writeConfChange(change: ConfChange, target: Uint8Array, offset: number): number {
  let end = offset;
  if (change.id !== 0n) end = writeId(target, end, idTag, change.id);
  end = writeNumber(target, end, typeTag, change.type);
  end = writeId(target, end, nodeIdTag, change.nodeId);
  if (change.context !== undefined) end = writeBytes(target, end, contextTag, change.context);
  return end;
}
