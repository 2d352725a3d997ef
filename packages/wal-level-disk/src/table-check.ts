/**
 * Checks LevelDB's tables before anything is read from them. classic-level has no option to verify
 * the checksums of blocks, and LevelDB trusts their content: a flipped bit in a block handle or in
 * the structure of a block can make it allocate any amount of memory or fail an assertion, and both
 * end the process. So every opening verifies footers, index blocks, metaindex blocks and filters,
 * and `verifyOnOpen` verifies all blocks except those of compressed indexes. The entries themselves
 * have checksums of their own.
 *
 * The format is LevelDB's (doc/table_format.md in its sources). The last 48 bytes of a table hold
 * the handles of the metaindex block and the index block, two varints each (offset and size), and a
 * magic number. Each block is followed by its type (1 byte) and a masked CRC-32C of block and type,
 * little-endian. A block is a sequence of entries. Each entry begins with three varints: how many
 * bytes of the key it shares with the key before, the size of the rest of the key, and the size of
 * the value. The values of an index block are handles. The restart points (4 bytes each) and their
 * number end a block.
 */
import { join } from 'node:path';
import { CorruptError } from '@babuza/wal-core';
import { crc32cByTable } from '@babuza/wal-core/backend';
import { FileError, type File, type FileSystem } from '@babuza/vfs';

const footerBytes = 48;
const magicOffset = 40;
const magic: bigint = 0xdb47_7524_8b80_fb57n;
const trailerBytes = 5;
/** The type of an uncompressed block. */
const uncompressed = 0;
const maskDelta = 0xa282_ead8;
/** How much is read at a time. */
const windowBytesDefault: number = 1024 * 1024;
/** A varint holds seven bits in each byte, so numbers below 2^53 need eight bytes. */
const varintBytesMax = 8;

interface Block {
  readonly content: Uint8Array;
  readonly type: number;
}

interface BlockHandle {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Throws `CorruptError` for the first table with a damaged block.
 *
 * @param tables LevelDB's property `leveldb.sstables`, which names the tables in use.
 * @param everyBlock Whether all blocks are verified, or only those through which others are found.
 * @param windowBytes How much is read at a time; a larger block is read in one piece. Default 1
 *   MiB; tests pass less.
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
    // A compaction replaced this table in the meantime.
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
  // The metaindex names the filter. A damaged filter makes LevelDB miss keys that exist.
  await checkNamedBlocks(table, await table.readBlock(metaindex));
  const blocks = await table.readBlock(index);
  if (everyBlock) await checkNamedBlocks(table, blocks);
}

/**
 * Verifies the blocks that an index block names. A compressed index block cannot be parsed here;
 * its own checksum was verified.
 */
async function checkNamedBlocks(table: Table, { content, type }: Block): Promise<void> {
  if (type !== uncompressed) return;
  for (const handle of handlesIn(content) ??
    table.damaged('the handles of its blocks are damaged')) {
    await table.readBlock(handle);
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

/** Reads a table in windows, because its blocks follow each other. */
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

  async readFooter(): Promise<[metaindex: BlockHandle, index: BlockHandle]> {
    if (this.#size < footerBytes)
      return this.damaged(`it has ${this.#size} bytes, fewer than a footer has (${footerBytes})`);
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

  /** Reads a block and verifies its checksum. */
  async readBlock({ offset, bytes }: BlockHandle): Promise<Block> {
    if (offset + bytes + trailerBytes > this.#size - footerBytes) {
      return this.damaged(`it names a block at ${offset} with ${bytes} bytes, beyond its end`);
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
    throw new CorruptError(
      `${this.#file.path}, a table of LevelDB, is damaged: ${problem}. Nothing was changed. Restore the database, or rebuild this node from the other members`,
      {
        groupId: 0n,
        file: this.#file.path,
        verdict: 'damaged-table',
      },
    );
  }

  async #read(offset: number, bytes: number): Promise<Uint8Array> {
    const start = offset - this.#windowOffset;
    if (start >= 0 && start + bytes <= this.#window.length) {
      return this.#window.subarray(start, start + bytes);
    }
    // A new window leaves the arrays that were returned before unchanged.
    const windowBytes = Math.max(bytes, this.#windowBytes);
    this.#window = new Uint8Array(Math.min(windowBytes, this.#size - offset));
    this.#windowOffset = offset;
    await this.#file.read(this.#window, offset);
    return this.#window.subarray(0, bytes);
  }
}

/** The handles in an index block, or `undefined` if the block cannot be parsed. */
function handlesIn(block: Uint8Array): BlockHandle[] | undefined {
  const restarts = block.length < 4 ? 0 : viewOf(block).getUint32(block.length - 4, true);
  const end = block.length - 4 * (restarts + 1);
  const handles: BlockHandle[] = [];
  for (let at = 0; at < end;) {
    const lengths = varints(block.subarray(at, end), 3);
    if (lengths === undefined) return undefined;
    const [, keyRest = 0, valueBytes = 0] = lengths.values;
    const value = at + lengths.bytes + keyRest;
    const handle = varints(block.subarray(value, value + valueBytes), 2);
    if (handle === undefined) return undefined;
    const [offset = 0, bytes = 0] = handle.values;
    handles.push({ offset, bytes });
    at = value + valueBytes;
  }
  return end < 0 ? undefined : handles;
}

/**
 * Parses `count` varints. Returns them with the number of bytes that they take, or `undefined` if
 * they cannot be parsed.
 */
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
