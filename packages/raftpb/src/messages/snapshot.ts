/**
 * `raftpb.Snapshot`: `0a length data` when there is data, `12 length SnapshotMetadata` always.
 */

import type { Snapshot } from '../types.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom, sizeOfBytes, sizeOfEmbedded } from '../wire/size.ts';
import { bytesTag, tagBytes } from '../wire/tags.ts';
import { writeBytes, writeEmbeddedHead } from '../wire/write.ts';
import {
  newSnapshotMetadataDraft,
  readSnapshotMetadata,
  snapshotMetadataEncodedSize,
  writeSnapshotMetadata,
  type SnapshotMetadataDraft,
} from './snapshot-metadata.ts';

const dataTag = bytesTag(1);
const metadataTag = bytesTag(2);
const knownFieldMax = 2;

/** A snapshot that is being read: a message may embed it in pieces, which are merged. */
export interface SnapshotDraft {
  data: Uint8Array | undefined;
  metadata: SnapshotMetadataDraft;
}

/**
 * The size of `encodeSnapshot(snapshot)` in bytes, exact.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as `encodeSnapshot`.
 */
export function snapshotEncodedSize(snapshot: Snapshot): number {
  const size = tagBytes + sizeOfEmbedded(snapshotMetadataEncodedSize(snapshot.metadata));
  if (snapshot.data === undefined) return size;
  return size + tagBytes + sizeOfBytes(snapshot.data, 'Snapshot.data');
}

/**
 * The snapshot in bytes of its own. Absent and empty data are kept apart.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when its metadata cannot be encoded or data is not a
 * byte array.
 */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const target = new Uint8Array(snapshotEncodedSize(snapshot));
  writeSnapshot(snapshot, target, 0);
  return target;
}

/**
 * Writes the snapshot into `target` from `offset` (bytes) on, and returns the offset behind it. The
 * data is copied.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeSnapshot`, and when it does not fit;
 * `target` is then untouched.
 */
export function encodeSnapshotInto(snapshot: Snapshot, target: Uint8Array, offset: number): number {
  checkRoom('Snapshot', snapshotEncodedSize(snapshot), target, offset);
  return writeSnapshot(snapshot, target, offset);
}

/**
 * Reads one snapshot that fills `bytes`. **`data` is a view into `bytes`, not a copy**: it shares,
 * and keeps alive, their whole buffer. A snapshot without data has no property `data`.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not a snapshot, or index or term
 * is above 2^53 - 1.
 */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const draft = newSnapshotDraft();
  readSnapshot(new Reader(bytes), draft);
  return finishSnapshot(draft);
}

export function newSnapshotDraft(): SnapshotDraft {
  return { data: undefined, metadata: newSnapshotMetadataDraft() };
}

/** Merges the message that the reader is in into `draft`. */
export function readSnapshot(reader: Reader, draft: SnapshotDraft): void {
  while (reader.hasMore()) {
    const tag = reader.tag('Snapshot');
    if (tag === dataTag) draft.data = reader.bytes('Snapshot.data');
    else if (tag === metadataTag) {
      const outerEnd = reader.enter('Snapshot.metadata');
      readSnapshotMetadata(reader, draft.metadata);
      reader.leave(outerEnd);
    } else reader.skipUnknown(tag, knownFieldMax, 'Snapshot');
  }
}

/** The draft as it was read; without data it has no property `data`. */
export function finishSnapshot(draft: SnapshotDraft): Snapshot {
  const { data, metadata } = draft;
  return data === undefined ? { metadata } : { data, metadata };
}

/** Writes what `snapshotEncodedSize` has checked; for messages that embed a snapshot. */
export function writeSnapshot(snapshot: Snapshot, target: Uint8Array, offset: number): number {
  const { data, metadata } = snapshot;
  let end = offset;
  if (data !== undefined) end = writeBytes(target, end, dataTag, data);
  end = writeEmbeddedHead(target, end, metadataTag, snapshotMetadataEncodedSize(metadata));
  return writeSnapshotMetadata(metadata, target, end);
}
