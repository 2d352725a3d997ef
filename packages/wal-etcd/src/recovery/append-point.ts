/**
 * From the end of a scan to where the next record goes: nothing but zeros may lie behind it, and all that was
 * read must be durable before anything is built on it.
 */
import type { File } from '@babuza/vfs';
import { bytesBetweenSyncsMax } from '../format/layout.ts';
import type { EtcdSegment } from '../segment/segment.ts';
import type { AppendPoint } from '../writer/wal-writer.ts';
import type { SegmentScan } from './scan.ts';

const pieceBytes: number = 1024 * 1024;

export function appendPointOf(segment: EtcdSegment, scan: SegmentScan): AppendPoint {
  const { validEnd: end, fileBytes, checksum, lastOffset } = scan;
  return { segment, end, fileBytes, checksum, lastOffset };
}

/** Bytes from `start` to the last one that is not zero. */
export async function leftoverBytes(file: File, start: number): Promise<number> {
  let last = start;
  let zeros = new Uint8Array(0);
  await eachPiece(file, start, (piece, offset) => {
    // Compared by the machine: there may be tens of megabytes of them.
    if (zeros.length < piece.length) zeros = new Uint8Array(piece.length);
    const rest = zeros.subarray(0, piece.length);
    if (Buffer.compare(piece, rest) === 0) return Promise.resolve(true);
    const at = piece.findLastIndex((byte) => byte !== 0);
    last = offset + at + 1;
    return Promise.resolve(true);
  });
  return last - start;
}

/**
 * Durable after it: all records of the file, and zeros behind them, where something else was found. The newest
 * records are written again as they are: after a failed sync they may be in the memory of the kernel only, and
 * no later sync would tell. Everything before them was synced before they were written. What a torn write left
 * behind could be taken for records later. A crash before leaves each piece as it was, or zero.
 */
export async function settle(file: File, end: number, leftover: number): Promise<void> {
  const newest = Math.max(0, end - bytesBetweenSyncsMax);
  await eachPiece(file, newest, async (piece, offset) => {
    const kept = Math.min(piece.length, Math.max(0, end - offset));
    const touched = Math.min(piece.length, end + leftover - offset);
    if (touched <= 0) return false;
    await file.write(piece.fill(0, kept).subarray(0, touched), offset);
    return true;
  });
  await file.datasync();
}

async function eachPiece(
  file: File,
  start: number,
  look: (piece: Uint8Array, offset: number) => Promise<boolean>,
): Promise<void> {
  const fileBytes = await file.size();
  const buffer = new Uint8Array(Math.max(0, Math.min(pieceBytes, fileBytes - start)));
  for (let offset = start; offset < fileBytes;) {
    const read = await file.read(buffer, offset);
    if (read === 0) return;
    if (!(await look(buffer.subarray(0, read), offset))) return;
    offset += read;
  }
}
