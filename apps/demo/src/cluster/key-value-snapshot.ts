/**
 * A snapshot of the key-value store as a stream. Nothing is gathered but one chunk, in either
 * direction; checksums belong to the snapshot manager. Little-endian:
 *
 *      head    "bkv" (3) │ version (1) │ index of the last command (8) │ keys (4)
 *      records key bytes (2) │ value bytes (4) │ key │ value
 *
 * The count in the head tells a stream that ends between two records from a whole one.
 */
import type { SnapshotReader, SnapshotWriter } from '@babuza/raft';
import { decodeKey, encodeKey, valueBytesMax } from './key-value-codec.ts';
import { contentsOf, KeyValueStore, type StoreView } from './key-value-store.ts';

const magicAndVersion: readonly number[] = [0x62, 0x6b, 0x76, 1];
const headBytes = 16;
const recordHeadBytes = 6;
/**
 * Small records are put together up to this; a larger value is a chunk of its own, without a copy.
 */
const chunkBytes: number = 256 * 1024;

/** The state that a snapshot holds. */
export interface FixedState {
  /** The index of the last command that was applied; 0: none was. */
  readonly index: number;
  readonly view: StoreView;
}

/** A snapshot that cannot be read as one. */
export class KeyValueSnapshotError extends Error {
  override readonly name = 'KeyValueSnapshotError';
  readonly code = 'KEY_VALUE_SNAPSHOT';
}

/**
 * Writes it at the pace of the writer. Rejects with the reason of the signal, or what the writer
 * says.
 */
export async function writeSnapshot(
  { index, view }: FixedState,
  writer: SnapshotWriter,
  signal: AbortSignal,
): Promise<void> {
  let parts: Uint8Array[] = [headOf(index, view.count)];
  let bytes = headBytes;
  for (const [key, value] of contentsOf(view)) {
    const isLarge = value.length >= chunkBytes;
    const record = recordHead(key, value.length);
    parts.push(record);
    bytes += record.length;
    if (!isLarge) {
      parts.push(value);
      bytes += value.length;
      if (bytes < chunkBytes) continue;
    }
    signal.throwIfAborted();
    await writer.write(Buffer.concat(parts, bytes));
    parts = [];
    bytes = 0;
    if (isLarge) await writer.write(value);
  }
  signal.throwIfAborted();
  if (bytes > 0) await writer.write(Buffer.concat(parts, bytes));
}

function headOf(index: number, count: number): Uint8Array {
  const bytes = new Uint8Array(headBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magicAndVersion);
  view.setBigUint64(4, BigInt(index), true);
  view.setUint32(12, count, true);
  return bytes;
}

function recordHead(key: string, valueBytes: number): Uint8Array {
  const keyBytes = encodeKey(key);
  const bytes = new Uint8Array(recordHeadBytes + keyBytes.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, keyBytes.length, true);
  view.setUint32(2, valueBytes, true);
  bytes.set(keyBytes, recordHeadBytes);
  return bytes;
}

/**
 * Reads a whole snapshot into a store of its own. Rejects with `KEY_VALUE_SNAPSHOT`, the signal's
 * reason, or what the reader says.
 */
export async function readSnapshot(
  reader: SnapshotReader,
  signal: AbortSignal,
): Promise<{ readonly index: number; readonly store: KeyValueStore }> {
  const source = new StreamReader(reader.read(), signal);
  const head = await source.take(headBytes);
  if (magicAndVersion.some((byte, at) => head[at] !== byte)) {
    throw new KeyValueSnapshotError('this is no snapshot of the key-value machine, version 1');
  }
  const fields = new DataView(head.buffer, head.byteOffset, head.length);
  const index = Number(fields.getBigUint64(4, true));
  const count = fields.getUint32(12, true);
  if (!Number.isSafeInteger(index)) throw new KeyValueSnapshotError('an index above 2^53 - 1');
  const store = new KeyValueStore();
  for (let at = 0; at < count; at += 1) {
    const record = await source.take(recordHeadBytes);
    const lengths = new DataView(record.buffer, record.byteOffset, record.length);
    const keyBytes = lengths.getUint16(0, true);
    const valueBytes = lengths.getUint32(2, true);
    // Checked before anything is gathered: damage must not allocate.
    if (valueBytes > valueBytesMax) {
      throw new KeyValueSnapshotError(`record ${at} has a value of ${valueBytes} bytes`);
    }
    const key = decodeKey(await source.take(keyBytes));
    if (store.set(key, new Uint8Array(await source.take(valueBytes)))) {
      throw new KeyValueSnapshotError(`record ${at} repeats a key`);
    }
  }
  await source.expectEnd();
  return { index, store };
}

/** Takes exact lengths from a stream of chunks. */
class StreamReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** A view: it is not to be kept. */
  async take(length: number): Promise<Uint8Array> {
    if (this.#rest.length < length) await this.#gather(length);
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  /** To the end: the reader compares the hash of the whole there. */
  async expectEnd(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#next()) !== undefined) {
      throw new KeyValueSnapshotError('there are bytes behind the last record');
    }
  }

  async #gather(length: number): Promise<void> {
    const parts = [this.#rest];
    let bytes = this.#rest.length;
    while (bytes < length) {
      const chunk = await this.#next();
      if (chunk === undefined) throw new KeyValueSnapshotError('the snapshot ends within a record');
      parts.push(chunk);
      bytes += chunk.length;
    }
    this.#rest = Buffer.concat(parts, bytes);
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#signal.throwIfAborted();
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      if (value.length > 0) return value;
    }
  }
}
