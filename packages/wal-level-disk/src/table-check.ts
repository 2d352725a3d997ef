/**
 * A look at LevelDB's tables before anything is read from them. classic-level has no option to verify the
 * checksums of blocks, and a flipped bit in the place or length of a block makes LevelDB ask for any amount
 * of memory, which ends the process. So the footer and the two blocks that say where the others are
 * are verified here at every opening; entries have checksums of their own.
 *
 * The format is that of LevelDB (doc/table_format.md of its sources): the last 48 bytes of a table hold the
 * places of the metaindex and the index block as two varints each, and a magic number. Behind each block
 * are its type (1 byte) and a masked CRC-32C over block and type, little-endian.
 */
import { join } from 'node:path';
import { CorruptError } from '@babuza/wal-core';
import { FileError, type File, type FileSystem } from '@babuza/vfs';
import { crc32c } from './crc32c.ts';

const footerBytes = 48;
const magicOffset = 40;
const magic: bigint = 0xdb47_7524_8b80_fb57n;
const trailerBytes = 5;
const maskDelta = 0xa282_ead8;
/** Seven bits of a number in each byte; 2^53 needs eight of them. */
const varintBytesMax = 8;

interface BlockPlace {
  readonly offset: number;
  readonly bytes: number;
}

/** `tables`: LevelDB's property `leveldb.sstables`, which names the tables that are in use. */
export async function checkTables(
  files: FileSystem,
  location: string,
  tables: string,
): Promise<void> {
  for (const [, number = ''] of tables.matchAll(/^ (\d+):\d+\[/gm)) {
    await checkTable(files, location, number.padStart(6, '0'));
  }
}

async function checkTable(files: FileSystem, location: string, number: string): Promise<void> {
  const file = await openTable(files, location, number);
  // Replaced by a compaction in the meantime.
  if (file === undefined) return;
  try {
    const problem = await problemOf(file);
    if (problem === undefined) return;
    throw new CorruptError(`a table of LevelDB: ${problem}`, {
      groupId: 0n,
      file: file.path,
      verdict: 'damaged-table',
    });
  } finally {
    await file.close();
  }
}

async function openTable(
  files: FileSystem,
  location: string,
  number: string,
): Promise<File | undefined> {
  for (const extension of ['ldb', 'sst']) {
    try {
      return await files.open(join(location, `${number}.${extension}`), 'read');
    } catch (error) {
      if (!(error instanceof FileError) || error.kind !== 'not-found') throw error;
    }
  }
  return undefined;
}

/** What is wrong with it, if anything is. */
async function problemOf(file: File): Promise<string | undefined> {
  const size = await file.size();
  const bodyBytes = size - footerBytes;
  if (bodyBytes < 0) return `${size} bytes are too few`;
  const footer = new Uint8Array(footerBytes);
  await file.read(footer, bodyBytes);
  if (new DataView(footer.buffer).getBigUint64(magicOffset, true) !== magic) {
    return 'its footer is damaged';
  }
  const places = placesIn(footer);
  if (places === undefined) return 'its footer is damaged';
  for (const { offset, bytes } of places) {
    if (offset + bytes + trailerBytes > bodyBytes) return 'its footer names a block behind its end';
    const block = new Uint8Array(bytes + trailerBytes);
    await file.read(block, offset);
    if (!hasGoodChecksum(block)) return `the checksum of the block at ${offset} does not fit`;
  }
  return undefined;
}

function placesIn(footer: Uint8Array): BlockPlace[] | undefined {
  const numbers: number[] = [];
  let at = 0;
  while (numbers.length < 4) {
    const [value, bytes] = varintAt(footer, at);
    if (bytes === 0) return undefined;
    numbers.push(value);
    at += bytes;
  }
  const [metaOffset = 0, metaBytes = 0, indexOffset = 0, indexBytes = 0] = numbers;
  return [
    { offset: metaOffset, bytes: metaBytes },
    { offset: indexOffset, bytes: indexBytes },
  ];
}

/** The number and how many bytes it takes; 0 bytes where there is none. */
function varintAt(bytes: Uint8Array, start: number): [value: number, bytes: number] {
  let value = 0;
  for (let at = 0; at < varintBytesMax && start + at < magicOffset; at += 1) {
    const byte = bytes[start + at] ?? 0;
    value += (byte & 0x7f) * 128 ** at;
    if (byte < 0x80) return Number.isSafeInteger(value) ? [value, at + 1] : [0, 0];
  }
  return [0, 0];
}

function hasGoodChecksum(block: Uint8Array): boolean {
  const covered = block.length - trailerBytes + 1;
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const crc = crc32c(block.subarray(0, covered));
  const masked = (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
  return view.getUint32(covered, true) === masked;
}
