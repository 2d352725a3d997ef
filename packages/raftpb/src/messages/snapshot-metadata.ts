/**
 * `raftpb.SnapshotMetadata`: `0a length ConfState`, `10 index`, `18 term`. All three are always
 * written. Like the membership in it, it is read into a draft, because it is embedded in a snapshot
 * and an embedded message may come in pieces.
 */

import type { SnapshotMetadata } from '../types.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom, sizeOfEmbedded, sizeOfSafeInteger } from '../wire/size.ts';
import { bytesTag, tagBytes, varintTag } from '../wire/tags.ts';
import { writeEmbeddedHead, writeNumber } from '../wire/write.ts';
import {
  confStateEncodedSize,
  newConfStateDraft,
  readConfState,
  writeConfState,
  type ConfStateDraft,
} from './conf-state.ts';

const confStateTag = bytesTag(1);
const indexTag = varintTag(2);
const termTag = varintTag(3);
const knownFieldMax = 3;

/** Metadata that is being read. */
export interface SnapshotMetadataDraft {
  confState: ConfStateDraft;
  index: number;
  term: number;
}

/**
 * The size of `encodeSnapshotMetadata(metadata)` in bytes, exact.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as
 * `encodeSnapshotMetadata`.
 */
export function snapshotMetadataEncodedSize(metadata: SnapshotMetadata): number {
  return (
    tagBytes +
    sizeOfEmbedded(confStateEncodedSize(metadata.confState)) +
    tagBytes +
    sizeOfSafeInteger(metadata.index, 'SnapshotMetadata.index') +
    tagBytes +
    sizeOfSafeInteger(metadata.term, 'SnapshotMetadata.term')
  );
}

/**
 * The metadata in bytes of its own.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when index or term is not an integer from 0 to 2^53 -
 * 1 or an id of the membership is not a bigint of 64 bits.
 */
export function encodeSnapshotMetadata(metadata: SnapshotMetadata): Uint8Array {
  const target = new Uint8Array(snapshotMetadataEncodedSize(metadata));
  writeSnapshotMetadata(metadata, target, 0);
  return target;
}

/**
 * Writes the metadata into `target` from `offset` (bytes) on, and returns the offset behind it.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeSnapshotMetadata`, and when it does not
 * fit; `target` is then untouched.
 */
export function encodeSnapshotMetadataInto(
  metadata: SnapshotMetadata,
  target: Uint8Array,
  offset: number,
): number {
  checkRoom('SnapshotMetadata', snapshotMetadataEncodedSize(metadata), target, offset);
  return writeSnapshotMetadata(metadata, target, offset);
}

/**
 * Reads one snapshot metadata that fills `bytes`; nothing of them is kept. Absent numbers are 0, an
 * absent membership is empty.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not snapshot metadata, or index or
 * term is above 2^53 - 1.
 */
export function decodeSnapshotMetadata(bytes: Uint8Array): SnapshotMetadata {
  const draft = newSnapshotMetadataDraft();
  readSnapshotMetadata(new Reader(bytes), draft);
  return draft;
}

/** Writes what `snapshotMetadataEncodedSize` has checked; for messages that embed metadata. */
export function writeSnapshotMetadata(
  metadata: SnapshotMetadata,
  target: Uint8Array,
  offset: number,
): number {
  const { confState } = metadata;
  let end = writeEmbeddedHead(target, offset, confStateTag, confStateEncodedSize(confState));
  end = writeConfState(confState, target, end);
  end = writeNumber(target, end, indexTag, metadata.index);
  return writeNumber(target, end, termTag, metadata.term);
}

export function newSnapshotMetadataDraft(): SnapshotMetadataDraft {
  return { confState: newConfStateDraft(), index: 0, term: 0 };
}

/** Merges the message that the reader is in into `draft`. */
export function readSnapshotMetadata(reader: Reader, draft: SnapshotMetadataDraft): void {
  while (reader.hasMore()) {
    const tag = reader.tag('SnapshotMetadata');
    if (tag === confStateTag) {
      const outerEnd = reader.enter('SnapshotMetadata.confState');
      readConfState(reader, draft.confState);
      reader.leave(outerEnd);
    } else if (tag === indexTag) draft.index = reader.safeInteger('SnapshotMetadata.index');
    else if (tag === termTag) draft.term = reader.safeInteger('SnapshotMetadata.term');
    else reader.skipUnknown(tag, knownFieldMax, 'SnapshotMetadata');
  }
}
