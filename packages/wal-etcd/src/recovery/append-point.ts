/**
 * From the end of a scan to where the next record goes: nothing but zeros may lie behind it, and
 * all that was read must be durable before anything is built on it.
 */
import type { File } from '@babuza/vfs';
import { bytesBetweenSyncsMax } from '../format/layout.ts';
import type { EtcdSegment } from '../segment/segment.ts';
import type { AppendPoint } from '../writer/wal-writer.ts';
import { pieceBytesMax, piecesOf } from './pieces.ts';
import type { SegmentScan } from './scan.ts';

/** Zeros are compared by the machine: there may be tens of megabytes of them. */
const zeros: Uint8Array = new Uint8Array(pieceBytesMax);

export function appendPointOf(segment: EtcdSegment, scan: SegmentScan): AppendPoint {
  const { validEnd: end, fileBytes, checksum, lastOffset } = scan;
  return { segment, end, fileBytes, checksum, lastOffset };
}

/** Bytes from `start` to the last one that is not zero. */
export async function leftoverBytes(file: File, start: number): Promise<number> {
  let last = start;
  for await (const { piece, offset } of piecesOf(file, start)) {
    if (Buffer.compare(piece, zeros.subarray(0, piece.length)) === 0) continue;
    last = offset + piece.findLastIndex((byte) => byte !== 0) + 1;
  }
  return last - start;
}

/**
 * Durable after it: all records of the file, and zeros behind them, where something else was found.
 * The newest records are written again as they are: after a failed sync they may be in the memory
 * of the kernel only, and no later sync would tell. Everything before them was synced before they
 * were written. What a torn write left behind could be taken for records later. A crash before
 * leaves each piece as it was, or zero.
 */
export async function settle(file: File, end: number, leftover: number): Promise<void> {
  const newest = Math.max(0, end - bytesBetweenSyncsMax);
  for await (const { piece, offset } of piecesOf(file, newest)) {
    const touched = end + leftover - offset;
    if (touched <= 0) break;
    const kept = Math.max(0, end - offset);
    await file.write(piece.fill(0, kept).subarray(0, touched), offset);
  }
  await file.datasync();
}
