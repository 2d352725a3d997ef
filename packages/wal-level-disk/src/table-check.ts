/**
 * A look at LevelDB's tables before anything is read from them. classic-level has no option to
 * verify the checksums of blocks, and LevelDB believes what is in them: a flipped bit in the place
 * of a block or in the structure of one can make it ask for any amount of memory, or meet an
 * assertion, and either ends the process. So the footers, the blocks that say where the others are,
 * and the filters are verified at every opening, and all blocks with `verifyOnOpen` (but those of
 * compressed tables). What is in them besides, the entries, has checksums of its own.
 *
 * The format is that of LevelDB (doc/table_format.md of its sources): the last 48 bytes of a table
 * hold the places of the metaindex and the index block as two varints each, and a magic number.
 * Behind each block are its type (1 byte) and a masked CRC-32C over block and type, little-endian.
 * A block is a row of entries, each with the lengths of what its key shares with the one before, of
 * the rest of the key, and of its value, as varints; the values of an index block are places. At
 * its end are restart points (4 bytes each) and their number.
 */
import { join } from 'node:path';
import { CorruptError } from '@babuza/wal-core';
import { crc32cByTable } from '@babuza/wal-core/backend';
import { FileError, type File, type FileSystem } from '@babuza/vfs';

const footerBytes = 48;
const magicOffset = 40;
const magic: bigint = 0xdb47_7524_8b80_fb57n;
const trailerBytes = 5;
/** The type of a block that is stored as it is. */
const uncompressed = 0;
const maskDelta = 0xa282_ead8;
/** The number of bytes that are read at a time where every block is read. */
const windowBytesDefault: number = 1024 * 1024;
/** Seven bits of a number in each byte; 2^53 needs eight of them. */
const varintBytesMax = 8;

interface Block {
  readonly content: Uint8Array;
  readonly type: number;
}

interface BlockPlace {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Throws `CorruptError` for the first table with a block that is not what it was written as.
 *
 * @param tables LevelDB's property `leveldb.sstables`, which names the tables that are in use.
 * @param everyBlock Whether all blocks are verified, or only those that others are found by.
 * @param windowBytes The number of bytes that are read at a time; a larger block is read whole.
 *   Default 1 MiB; tests give less.
 */
export async function checkTables(
  files: FileSystem,
  location: string,
  tables: string,
  everyBlock: boolean,
  windowBytes: number = windowBytesDefault,
): Promise<void> {
  for (const [, number = ''] of tables.matchAll(/^ (\d+):\d+\[/gm)) {
    const file = await openTable(files, location, number.padStart(6, '0'));
    // Replaced by a compaction in the meantime.
    if (file === undefined) continue;
    try {
      await checkTable(new Table(file, await file.size(), windowBytes), everyBlock);
    } finally {
      await file.close();
    }
  }
}

async function checkTable(table: Table, everyBlock: boolean): Promise<void> {
  const [metaindex, index] = await table.readFooter();
  // It names the filter, because of which LevelDB says that a key is not there without looking.
  await checkNamedBlocks(table, await table.readBlock(metaindex));
  const blocks = await table.readBlock(index);
  if (everyBlock) await checkNamedBlocks(table, blocks);
}

/** Where the names are compressed only LevelDB can read them; they are sound by their checksum. */
async function checkNamedBlocks(table: Table, { content, type }: Block): Promise<void> {
  if (type !== uncompressed) return;
  for (const place of placesIn(content) ?? table.damaged('the places of its blocks are damaged')) {
    await table.readBlock(place);
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

/** Reads a table in windows: its blocks lie one behind the other. */
class Table {
  readonly #file: File;
  readonly #size: number;
  readonly #windowBytes: number;
  #window: Uint8Array = new Uint8Array(0);
  #windowOffset = 0;

  constructor(file: File, size: number, windowBytes: number) {
    this.#file = file;
    this.#size = size;
    this.#windowBytes = windowBytes;
  }

  async readFooter(): Promise<[metaindex: BlockPlace, index: BlockPlace]> {
    if (this.#size < footerBytes) return this.damaged(`${this.#size} bytes are too few`);
    const footer = await this.#read(this.#size - footerBytes, footerBytes);
    const numbers = varints(footer.subarray(0, magicOffset), 4);
    if (viewOf(footer).getBigUint64(magicOffset, true) !== magic || numbers === undefined) {
      return this.damaged('its footer is damaged');
    }
    const [metaOffset = 0, metaBytes = 0, indexOffset = 0, indexBytes = 0] = numbers.values;
    return [
      { offset: metaOffset, bytes: metaBytes },
      { offset: indexOffset, bytes: indexBytes },
    ];
  }

  /** A block whose checksum fits. */
  async readBlock({ offset, bytes }: BlockPlace): Promise<Block> {
    if (offset + bytes + trailerBytes > this.#size - footerBytes) {
      return this.damaged('it names a block behind its end');
    }
    const block = await this.#read(offset, bytes + trailerBytes);
    const crc = crc32cByTable(0, block, 0, bytes + 1);
    const masked = (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
    if (viewOf(block).getUint32(bytes + 1, true) !== masked) {
      return this.damaged(`the checksum of the block at ${offset} does not fit`);
    }
    return { content: block.subarray(0, bytes), type: block[bytes] ?? 0 };
  }

  damaged(problem: string): never {
    throw new CorruptError(`a table of LevelDB: ${problem}`, {
      groupId: 0n,
      file: this.#file.path,
      verdict: 'damaged-table',
    });
  }

  async #read(offset: number, bytes: number): Promise<Uint8Array> {
    const start = offset - this.#windowOffset;
    if (start >= 0 && start + bytes <= this.#window.length) {
      return this.#window.subarray(start, start + bytes);
    }
    // What was given out before stays as it is.
    const windowBytes = Math.max(bytes, this.#windowBytes);
    this.#window = new Uint8Array(Math.min(windowBytes, this.#size - offset));
    this.#windowOffset = offset;
    await this.#file.read(this.#window, offset);
    return this.#window.subarray(0, bytes);
  }
}

/** `undefined` where it is no block of places. */
function placesIn(block: Uint8Array): BlockPlace[] | undefined {
  const restarts = block.length < 4 ? 0 : viewOf(block).getUint32(block.length - 4, true);
  const end = block.length - 4 * (restarts + 1);
  const places: BlockPlace[] = [];
  for (let at = 0; at < end;) {
    const lengths = varints(block.subarray(at, end), 3);
    if (lengths === undefined) return undefined;
    const [, keyRest = 0, valueBytes = 0] = lengths.values;
    const value = at + lengths.bytes + keyRest;
    const place = varints(block.subarray(value, value + valueBytes), 2);
    if (place === undefined) return undefined;
    const [offset = 0, bytes = 0] = place.values;
    places.push({ offset, bytes });
    at = value + valueBytes;
  }
  return end < 0 ? undefined : places;
}

/** So many numbers and the bytes that they take; `undefined` where there are none. */
function varints(
  bytes: Uint8Array,
  count: number,
): { readonly values: number[]; readonly bytes: number } | undefined {
  const values: number[] = [];
  let value = 0;
  let shift = 0;
  for (const [at, byte] of bytes.entries()) {
    value += (byte & 0x7f) * 128 ** shift;
    shift += 1;
    if (byte >= 0x80) {
      if (shift === varintBytesMax) return undefined;
      continue;
    }
    if (!Number.isSafeInteger(value)) return undefined;
    values.push(value);
    if (values.length === count) return { values, bytes: at + 1 };
    value = 0;
    shift = 0;
  }
  return undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
