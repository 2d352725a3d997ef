/**
 * Two kinds of damage, done to copies of a log's files. The demo knows nothing of any format: it
 * looks for the bytes of an entry in the files, as they were given to the log, and changes them
 * there.
 */
import { createHash } from 'node:crypto';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Chunk } from './framing.ts';

/** The position of an entry's bytes in a file. */
export interface Place {
  readonly file: string;
  readonly offset: number;
}

/** The batch that a writer saves as its last, to be torn afterwards. */
export function lastBatch(): Chunk[] {
  const chunks = 8;
  return Array.from({ length: chunks }, (_, chunk) => ({
    path: 'the last batch',
    chunk,
    chunks,
    content: new Uint8Array(4096).fill(0x61 + chunk),
  }));
}

/** The first place below `folder` where exactly these bytes lie, if there is one. */
export async function findBytes(folder: string, bytes: Uint8Array): Promise<Place | undefined> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const offset = (await readFile(file)).indexOf(bytes);
    if (offset >= 0) return { file, offset };
  }
  return undefined;
}

/**
 * A torn write: nothing from `offset` on had reached the disk when the power went. Where a log
 * prepares its files by filling them with zeros, zeros are what is there then. Returns how many
 * bytes changed.
 */
export async function tearFrom({ file, offset }: Place): Promise<number> {
  const lost = (await readFile(file)).subarray(offset);
  const handle = await open(file, 'r+');
  try {
    await handle.write(new Uint8Array(lost.length), 0, lost.length, offset);
  } finally {
    await handle.close();
  }
  return lost.findLastIndex((byte) => byte !== 0) + 1;
}

/** Rot: one bit of one byte is not as it was written. Returns the byte before and after. */
export async function flipBit({ file, offset }: Place): Promise<[before: number, after: number]> {
  const handle = await open(file, 'r+');
  try {
    const byte = new Uint8Array(1);
    await handle.read(byte, 0, 1, offset);
    const before = byte[0] ?? 0;
    const after = before ^ 0x10;
    await handle.write(new Uint8Array([after]), 0, 1, offset);
    return [before, after];
  } finally {
    await handle.close();
  }
}

export async function fileSha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
