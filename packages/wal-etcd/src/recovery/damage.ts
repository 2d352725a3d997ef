/**
 * The verdicts on damaged logs. The `verdict` of a `CorruptError` is etcd's name of the error where
 * etcd has one, and one of the other names below otherwise.
 */
import { RaftpbDecodeError } from '@babuza/raftpb';
import { CorruptError } from '@babuza/wal-core';
import type { SegmentScan } from './scan.ts';

export type EtcdVerdict =
  | 'ErrCRCMismatch'
  | 'ErrUnexpectedEOF'
  | 'ErrMetadataConflict'
  | 'ErrSnapshotMismatch'
  | 'ErrSnapshotNotFound'
  | 'ErrSliceOutOfRange'
  /** A record is not a protobuf message. */
  | 'no-message'
  /** A record has an unknown type (etcd: "unexpected block type"). */
  | 'unexpected-block-type'
  /** The sequence numbers of the segments have a gap. */
  | 'missing-segment'
  /**
   * The data of an entry, hard state or snapshot cannot be decoded; etcd panics. In a log with the
   * contract of wal-core also a number above 2^53 − 1.
   */
  | 'not-readable'
  /**
   * A record ends between two multiples of 8, according to its length field. etcd continues to read
   * there. No writer makes such a record, and the index has no position for the record after it.
   */
  | 'not-aligned'
  /** The commit index is above the last index. */
  | 'commit-beyond-end'
  /**
   * An entry has a lower term than the entry before it, which cannot occur in a Raft log. etcd
   * accepts it.
   */
  | 'term-goes-back';

export function damage(
  verdict: EtcdVerdict,
  message: string,
  at: {
    readonly file: string;
    readonly offset?: number | undefined;
    readonly firstIndex?: number | undefined;
    readonly groupId?: bigint | undefined;
  },
  cause?: unknown,
): CorruptError {
  const { file, offset, firstIndex, groupId = 0n } = at;
  return new CorruptError(message, { groupId, file, offset, firstIndex, verdict }, cause);
}

/** Returns why a message could not be decoded. Rethrows any other error. */
export function whyNotReadable(error: unknown): string {
  if (error instanceof RaftpbDecodeError) return error.message;
  throw error;
}

/**
 * Translates the end of a scan into an error. Returns `undefined` if the scan reached the end of
 * the segment or was stopped.
 */
export function damageOf(
  scan: SegmentScan,
  file: string,
  more: { readonly firstIndex?: number; readonly groupId?: bigint } = {},
): CorruptError | undefined {
  const at = { file, offset: scan.validEnd, ...more };
  switch (scan.end) {
    case 'unexpected-end':
      return damage('ErrUnexpectedEOF', 'the file ends within a record', at);
    case 'torn':
      return damage('ErrUnexpectedEOF', 'a sector of a record was never written', at);
    case 'checksum':
      return damage('ErrCRCMismatch', 'the checksum of a record is wrong', at);
    case 'no-message':
      return damage('no-message', 'a record is not a protobuf message', at);
    default:
      return undefined;
  }
}
