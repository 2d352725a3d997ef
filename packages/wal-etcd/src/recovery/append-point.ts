/**
 * Derives the append point from a scan. Only zeros may follow the last record, and all records that
 * were read must be durable before anything is appended to them.
 */
import type { File } from '@babuza/vfs';
import { bytesBetweenSyncsMax } from '../format/layout.ts';
import type { EtcdSegment } from '../segment/segment.ts';
import type { AppendPoint } from '../writer/wal-writer.ts';
import { pieceBytesMax, piecesOf } from './pieces.ts';
import type { SegmentScan } from './scan.ts';

/** A block of zeros for `Buffer.compare`, because there may be tens of megabytes to check. */
const zeros: Uint8Array = new Uint8Array(pieceBytesMax);

export function appendPointOf(segment: EtcdSegment, scan: SegmentScan): AppendPoint {
  const { validEnd: end, fileBytes, checksum, lastOffset } = scan;
  return { segment, end, fileBytes, checksum, lastOffset };
}

/** Returns the distance from `start` to the end of the last byte that is not zero. */
export async function leftoverBytes(file: File, start: number): Promise<number> {
  let last = start;
  for await (const { piece, offset } of piecesOf(file, start)) {
    if (Buffer.compare(piece, zeros.subarray(0, piece.length)) === 0) continue;
    last = offset + piece.findLastIndex((byte) => byte !== 0) + 1;
  }
  return last - start;
}

/**
 * After this call all records of the file are durable and only zeros follow them; `leftover` is the
 * number of bytes after `end` to overwrite. The newest records are written again unchanged: after a
 * failed sync they may exist only in the page cache, and no later sync would report it. Older
 * records were synced before the newest ones were written. The bytes of a torn write must be
 * zeroed, because a later recovery could take them for records. A crash leaves each piece as it
 * was, or zeroed.
 */
export async function makeTailDurable(file: File, end: number, leftover: number): Promise<void> {
  const newest = Math.max(0, end - bytesBetweenSyncsMax);
  for await (const { piece, offset } of piecesOf(file, newest)) {
    const touched = end + leftover - offset;
    if (touched <= 0) break;
    const kept = Math.max(0, end - offset);
    await file.write(piece.fill(0, kept).subarray(0, touched), offset);
  }
  await file.datasync();
}
