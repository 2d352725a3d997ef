/** Reads a file from an offset on, one piece at a time. */
import type { File } from '@babuza/vfs';
import { uninitializedBytes } from '@babuza/wal-core/backend';

export const pieceBytesMax: number = 1024 * 1024;

/** A part of a file and its offset. */
export interface Piece {
  readonly piece: Uint8Array;
  readonly offset: number;
}

/** Yields the bytes of the file from `start` on. The file may become shorter meanwhile. */
export async function* piecesOf(file: File, start: number): AsyncGenerator<Piece> {
  const fileBytes = await file.size();
  for (let offset = start; offset < fileBytes;) {
    const buffer = uninitializedBytes(Math.min(pieceBytesMax, fileBytes - offset));
    const read = await file.read(buffer, offset);
    if (read === 0) return;
    yield { piece: buffer.subarray(0, read), offset };
    offset += read;
  }
}
