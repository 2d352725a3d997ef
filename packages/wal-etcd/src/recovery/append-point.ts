/**
 * From the end of a scan to where the next record goes: nothing but zeros may lie behind it, and all that was
 * read must be durable before anything is built on it.
 */
import type { File } from '@babuza/vfs';
import type { EtcdSegment } from '../segment/segment.ts';
import type { AppendPoint } from '../writer/wal-writer.ts';
import type { SegmentScan } from './scan.ts';
import { isZero } from './torn-record.ts';

const pieceBytes: number = 256 * 1024;

export function appendPointOf(segment: EtcdSegment, scan: SegmentScan): AppendPoint {
  const { validEnd: end, fileBytes, checksum, lastOffset } = scan;
  return { segment, end, fileBytes, checksum, lastOffset };
}

/** Bytes from `start` to the last one that is not zero. */
export async function leftoverBytes(file: File, start: number): Promise<number> {
  let last = start;
  await eachPiece(file, start, (piece, offset) => {
    for (let at = piece.length - 1; at >= 0 && last < offset + piece.length; at -= 1) {
      if (piece[at] === 0) continue;
      last = offset + at + 1;
      break;
    }
    return Promise.resolve();
  });
  return last - start;
}

/**
 * Durable after it: all records of the file, and zeros behind them. What a torn write left there could be
 * taken for records later. A crash before leaves each piece as it was, or zero.
 */
export async function settleTail(file: File, end: number): Promise<void> {
  await eachPiece(file, end, async (piece, offset) => {
    if (isZero(piece, 0, piece.length)) return;
    await file.write(piece.fill(0), offset);
  });
  await file.datasync();
}

async function eachPiece(
  file: File,
  start: number,
  look: (piece: Uint8Array, offset: number) => Promise<void>,
): Promise<void> {
  const buffer = new Uint8Array(pieceBytes);
  for (let offset = start; ;) {
    const read = await file.read(buffer, offset);
    if (read === 0) return;
    await look(buffer.subarray(0, read), offset);
    offset += read;
  }
}
