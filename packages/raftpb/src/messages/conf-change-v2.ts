/**
 * `raftpb.ConfChangeV2`: `08 transition` when it is not Auto, `(12 length ConfChangeSingle)*`,
 * `1a length context` when there is one. The change that leaves joint consensus so has no bytes at
 * all.
 */

import { RaftpbEncodeError } from '../errors.ts';
import { ConfChangeTransition, type ConfChangeSingle, type ConfChangeV2 } from '../conf-change.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom, sizeOfBytes, sizeOfEmbedded } from '../wire/size.ts';
import { bytesTag, tagBytes, varintTag } from '../wire/tags.ts';
import { writeBytes, writeEmbeddedHead, writeNumber } from '../wire/write.ts';
import {
  confChangeSingleEncodedSize,
  readConfChangeSingle,
  writeConfChangeSingle,
} from './conf-change-single.ts';

const transitionTag = varintTag(1);
const changesTag = bytesTag(2);
const contextTag = bytesTag(3);
const knownFieldMax = 3;

/**
 * The size of `encodeConfChangeV2(change)` in bytes, exact.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as `encodeConfChangeV2`.
 */
export function confChangeV2EncodedSize(change: ConfChangeV2): number {
  const { transition, changes, context } = change;
  if (transition !== 0 && transition !== 1 && transition !== 2) {
    throw new RaftpbEncodeError(
      'ConfChangeV2.transition',
      `expected 0, 1 or 2, got ${String(transition)}`,
    );
  }
  let size = transition === ConfChangeTransition.Auto ? 0 : tagBytes + 1;
  for (const single of changes) {
    size += tagBytes + sizeOfEmbedded(confChangeSingleEncodedSize(single));
  }
  if (context === undefined) return size;
  return size + tagBytes + sizeOfBytes(context, 'ConfChangeV2.context');
}

/**
 * The change in bytes of its own; none for the change that leaves joint consensus.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when the transition or a type is unknown, an id is
 * not a bigint of 64 bits or the context is not a byte array.
 */
export function encodeConfChangeV2(change: ConfChangeV2): Uint8Array {
  const target = new Uint8Array(confChangeV2EncodedSize(change));
  writeConfChangeV2(change, target, 0);
  return target;
}

/**
 * Writes the change into `target` from `offset` (bytes) on, and returns the offset behind it.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeConfChangeV2`, and when it does not fit;
 * `target` is then untouched.
 */
export function encodeConfChangeV2Into(
  change: ConfChangeV2,
  target: Uint8Array,
  offset: number,
): number {
  checkRoom('ConfChangeV2', confChangeV2EncodedSize(change), target, offset);
  return writeConfChangeV2(change, target, offset);
}

/**
 * Reads one change that fills `bytes`. **`context` is a view into `bytes`, not a copy.** A change
 * without context has no property `context`.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not a change, or its transition or
 * a type is unknown.
 */
export function decodeConfChangeV2(bytes: Uint8Array): ConfChangeV2 {
  const reader = new Reader(bytes);
  let transition: ConfChangeTransition = ConfChangeTransition.Auto;
  const changes: ConfChangeSingle[] = [];
  let context: Uint8Array | undefined;
  while (reader.hasMore()) {
    const tag = reader.tag('ConfChangeV2');
    if (tag === transitionTag) transition = readTransition(reader);
    else if (tag === changesTag) {
      const outerEnd = reader.enter('ConfChangeV2.changes');
      changes.push(readConfChangeSingle(reader));
      reader.leave(outerEnd);
    } else if (tag === contextTag) context = reader.bytes('ConfChangeV2.context');
    else reader.skipUnknown(tag, knownFieldMax, 'ConfChangeV2');
  }
  return context === undefined ? { transition, changes } : { transition, changes, context };
}

function writeConfChangeV2(change: ConfChangeV2, target: Uint8Array, offset: number): number {
  const { transition, changes, context } = change;
  let end = offset;
  if (transition !== ConfChangeTransition.Auto) {
    end = writeNumber(target, end, transitionTag, transition);
  }
  for (const single of changes) {
    end = writeEmbeddedHead(target, end, changesTag, confChangeSingleEncodedSize(single));
    end = writeConfChangeSingle(single, target, end);
  }
  return context === undefined ? end : writeBytes(target, end, contextTag, context);
}

function readTransition(reader: Reader): ConfChangeTransition {
  const transition = reader.safeInteger('ConfChangeV2.transition');
  if (transition === ConfChangeTransition.Auto) return ConfChangeTransition.Auto;
  if (transition === ConfChangeTransition.JointImplicit) return ConfChangeTransition.JointImplicit;
  if (transition === ConfChangeTransition.JointExplicit) return ConfChangeTransition.JointExplicit;
  return reader.fail('ConfChangeV2.transition', `${transition} is not a transition`);
}
