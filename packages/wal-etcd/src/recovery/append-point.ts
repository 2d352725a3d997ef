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
 * Durable after it: all records of the file, and zeros behind them. The records are written again as they are:
 * after a failed sync they may be in the memory of the kernel only, and no later sync would tell. What a torn
 * write left behind them could be taken for records later. A crash before leaves each piece as it was, or zero.
 */
export async function settle(file: File, end: number): Promise<void> {
  await eachPiece(file, 0, async (piece, offset) => {
    const kept = Math.min(piece.length, Math.max(0, end - offset));
    if (isZero(piece, kept, piece.length)) {
      if (kept > 0) await file.write(piece.subarray(0, kept), offset);
      return;
    }
    await file.write(piece.fill(0, kept), offset);
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
