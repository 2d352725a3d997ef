/**
 * How etcd's errors are called here. A damaged log is a `CorruptError` whose `verdict` is etcd's
 * own name of the error, where it has one; the others are named here.
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
  /** A record that is no protobuf message. */
  | 'no-message'
  /** A record of an unknown type ("unexpected block type"). */
  | 'unexpected-block-type'
  /** The sequence numbers of the segments have a gap. */
  | 'missing-segment'
  /**
   * An entry, hard state or snapshot whose bytes are none: etcd panics. In the log behind the
   * contract also a number above 2^53 − 1.
   */
  | 'not-readable'
  /**
   * A record whose length field makes it end between two multiples of 8. etcd reads on from there;
   * no writer makes such a record, and there is no position for what follows it.
   */
  | 'not-aligned'
  /** The commit index lies beyond the last entry. */
  | 'commit-beyond-end'
  /** An entry has a lower term than the one before it, which no Raft log has. etcd reads on. */
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

/** Why a message could not be decoded. Throws every error that says something else. */
export function whyNotReadable(error: unknown): string {
  if (error instanceof RaftpbDecodeError) return error.message;
  throw error;
}

/**
 * What a scan that did not reach the end of the segment means; nothing where it did, or was
 * stopped.
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
      return damage('ErrUnexpectedEOF', 'a record of which a sector was never written', at);
    case 'checksum':
      return damage('ErrCRCMismatch', 'a record with a wrong checksum', at);
    case 'no-message':
      return damage('no-message', 'a record that is no protobuf message', at);
    default:
      return undefined;
  }
}
