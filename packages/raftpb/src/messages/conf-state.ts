/**
 * `raftpb.ConfState`: `(08 voter)*`, `(10 learner)*`, `(18 outgoing voter)*`, `(20 next learner)*`,
 * `28 auto_leave`, the last one always written. It is embedded in snapshot metadata, and protobuf
 * merges an embedded message that comes twice: lists are joined, single fields are replaced. So the
 * reader fills a draft, which may be filled again.
 */

import type { ConfState } from '../types.ts';
import { readPackedIds, sizeOfIdList, writeIdList } from '../wire/id-list.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom } from '../wire/size.ts';
import { bytesTag, tagBytes, varintTag } from '../wire/tags.ts';
import { writeNumber } from '../wire/write.ts';

const votersField = 1;
const learnersField = 2;
const votersOutgoingField = 3;
const learnersNextField = 4;
const autoLeaveTag = varintTag(5);
const knownFieldMax = 5;

/** A membership that is being read. */
export interface ConfStateDraft {
  voters: bigint[];
  learners: bigint[];
  votersOutgoing: bigint[];
  learnersNext: bigint[];
  autoLeave: boolean;
}

/**
 * The size of `encodeConfState(confState)` in bytes, exact.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as `encodeConfState`.
 */
export function confStateEncodedSize(confState: ConfState): number {
  return (
    sizeOfIdList(confState.voters, 'ConfState.voters') +
    sizeOfIdList(confState.learners, 'ConfState.learners') +
    sizeOfIdList(confState.votersOutgoing, 'ConfState.votersOutgoing') +
    sizeOfIdList(confState.learnersNext, 'ConfState.learnersNext') +
    tagBytes +
    1
  );
}

/**
 * The membership in bytes of its own; the order of the ids is kept.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when an id is not a bigint of 64 bits.
 */
export function encodeConfState(confState: ConfState): Uint8Array {
  const target = new Uint8Array(confStateEncodedSize(confState));
  writeConfState(confState, target, 0);
  return target;
}

/**
 * Writes the membership into `target` from `offset` (bytes) on, and returns the offset behind it.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeConfState`, and when it does not fit;
 * `target` is then untouched.
 */
export function encodeConfStateInto(
  confState: ConfState,
  target: Uint8Array,
  offset: number,
): number {
  checkRoom('ConfState', confStateEncodedSize(confState), target, offset);
  return writeConfState(confState, target, offset);
}

/**
 * Reads one membership that fills `bytes`; nothing of them is kept. Absent lists are empty. The
 * lists hold at most one id per byte of input.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not a membership.
 */
export function decodeConfState(bytes: Uint8Array): ConfState {
  const draft = newConfStateDraft();
  readConfState(new Reader(bytes), draft);
  return draft;
}

/** Writes what `confStateEncodedSize` has checked; for messages that embed a membership. */
export function writeConfState(confState: ConfState, target: Uint8Array, offset: number): number {
  let end = writeIdList(target, offset, varintTag(votersField), confState.voters);
  end = writeIdList(target, end, varintTag(learnersField), confState.learners);
  end = writeIdList(target, end, varintTag(votersOutgoingField), confState.votersOutgoing);
  end = writeIdList(target, end, varintTag(learnersNextField), confState.learnersNext);
  return writeNumber(target, end, autoLeaveTag, confState.autoLeave ? 1 : 0);
}

export function newConfStateDraft(): ConfStateDraft {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** Merges the message that the reader is in into `draft`. */
export function readConfState(reader: Reader, draft: ConfStateDraft): void {
  while (reader.hasMore()) {
    const tag = reader.tag('ConfState');
    const ids = listOf(tag >>> 3, draft);
    if (tag === autoLeaveTag) draft.autoLeave = reader.bool('ConfState.autoLeave');
    else if (ids !== undefined && tag === varintTag(tag >>> 3)) ids.push(reader.id('ConfState'));
    else if (ids !== undefined && tag === bytesTag(tag >>> 3)) {
      readPackedIds(reader, ids, 'ConfState');
    } else reader.skipUnknown(tag, knownFieldMax, 'ConfState');
  }
}

function listOf(fieldNumber: number, draft: ConfStateDraft): bigint[] | undefined {
  switch (fieldNumber) {
    case votersField:
      return draft.voters;
    case learnersField:
      return draft.learners;
    case votersOutgoingField:
      return draft.votersOutgoing;
    case learnersNextField:
      return draft.learnersNext;
    default:
      return undefined;
  }
}
