/** SHA-256 of what the documents contain now, piece by piece, to compare a log with its source. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Piece } from '../common/documents.ts';

export async function hashPieces(
  root: string,
  pieces: readonly Piece[],
  onHashed: (count: number) => void,
): Promise<Map<Piece, string>> {
  const hashes = new Map<Piece, string>();
  for (const piece of pieces) {
    hashes.set(piece, await hashPiece(join(root, piece.path), piece));
    onHashed(hashes.size);
  }
  return hashes;
}

async function hashPiece(file: string, { offset, bytes }: Piece): Promise<string> {
  const hash = createHash('sha256');
  if (bytes > 0) {
    for await (const part of createReadStream(file, { start: offset, end: offset + bytes - 1 })) {
      hash.update(part);
    }
  }
  return hash.digest('hex');
}
