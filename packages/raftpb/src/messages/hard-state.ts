/**
 * `raftpb.HardState`: `08 term`, `10 vote`, `18 commit`. All three are always written, also zeros.
 */

import type { HardState } from '../types.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom, sizeOfId, sizeOfSafeInteger } from '../wire/size.ts';
import { tagBytes, varintTag } from '../wire/tags.ts';
import { writeId, writeNumber } from '../wire/write.ts';

const termTag = varintTag(1);
const voteTag = varintTag(2);
const commitTag = varintTag(3);
const knownFieldMax = 3;

/**
 * The size of `encodeHardState(hardState)` in bytes, exact, without allocating.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as `encodeHardState`.
 */
export function hardStateEncodedSize(hardState: HardState): number {
  return (
    tagBytes +
    sizeOfSafeInteger(hardState.term, 'HardState.term') +
    tagBytes +
    sizeOfId(hardState.vote, 'HardState.vote') +
    tagBytes +
    sizeOfSafeInteger(hardState.commit, 'HardState.commit')
  );
}

/**
 * The hard state in bytes of its own.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when term or commit is not an integer from 0 to 2^53
 * - 1 or vote is not a bigint of 64 bits.
 */
export function encodeHardState(hardState: HardState): Uint8Array {
  const target = new Uint8Array(hardStateEncodedSize(hardState));
  writeHardState(hardState, target, 0);
  return target;
}

/**
 * Writes the hard state into `target` from `offset` (bytes) on, and returns the offset behind it.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeHardState`, and when it does not fit;
 * `target` is then untouched.
 */
export function encodeHardStateInto(
  hardState: HardState,
  target: Uint8Array,
  offset: number,
): number {
  checkRoom('HardState', hardStateEncodedSize(hardState), target, offset);
  return writeHardState(hardState, target, offset);
}

/**
 * Reads one hard state that fills `bytes`; nothing of them is kept. Absent fields are 0.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not a hard state, or term or
 * commit is above 2^53 - 1.
 */
export function decodeHardState(bytes: Uint8Array): HardState {
  const reader = new Reader(bytes);
  let term = 0;
  let vote = 0n;
  let commit = 0;
  while (reader.hasMore()) {
    const tag = reader.tag('HardState');
    if (tag === termTag) term = reader.safeInteger('HardState.term');
    else if (tag === voteTag) vote = reader.id('HardState.vote');
    else if (tag === commitTag) commit = reader.safeInteger('HardState.commit');
    else reader.skipUnknown(tag, knownFieldMax, 'HardState');
  }
  return { term, vote, commit };
}

function writeHardState(hardState: HardState, target: Uint8Array, offset: number): number {
  let end = writeNumber(target, offset, termTag, hardState.term);
  end = writeId(target, end, voteTag, hardState.vote);
  return writeNumber(target, end, commitTag, hardState.commit);
}
