/**
 * Reads big-endian fields from bytes that may be hostile: every length is compared with what is
 * left before it is used. What does not fit is `SNAPSHOT_CORRUPT` with its place.
 */
import { crc32 } from 'node:zlib';
import { corrupt, SnapshotError } from '../snapshot-error.ts';

/** Magic and version. */
const headBytes = 12;
const checksumBytes = 4;

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;
  #offset = 0;

  /** `file` is what errors name. */
  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }

  /** A size: above 2^53 − 1 it is damage, never a rounding. */
  size(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail('the size is above 2^53 - 1');
    return Number(value);
  }

  /** A copy of the next bytes. */
  bytes(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.slice(start, start + count);
  }

  text(count: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes(count));
    } catch (cause) {
      if (cause instanceof SnapshotError) throw cause;
      return this.fail('the text is not UTF-8');
    }
  }

  zeros(count: number): void {
    if (this.bytes(count).some((byte) => byte !== 0)) this.fail('reserved bytes are not zero');
  }

  /** Everything was read. */
  end(): void {
    if (this.#offset !== this.#bytes.length) this.fail('there are bytes behind the end');
  }

  fail(problem: string): never {
    throw corrupt(problem, { file: this.#file, offset: this.#offset });
  }

  #advance(count: number): number {
    const start = this.#offset;
    if (count > this.#bytes.length - start) this.fail('the bytes end too early');
    this.#offset += count;
    return start;
  }
}

/** Puts the checksum of all that is before into the last four bytes. */
export function seal(bytes: Uint8Array): Uint8Array {
  const at = bytes.length - checksumBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(at, crc32(bytes.subarray(0, at)));
  return bytes;
}

/**
 * Checks what all sealed bytes begin and end with, in every version: magic (8 bytes), version (4),
 * …, checksum (4). Returns a reader of what is in between. A version that is not ours is believed
 * only if the checksum is right.
 */
export function unseal(
  bytes: Uint8Array,
  file: string,
  form: { readonly magic: bigint; readonly version: number; readonly bytesMax: number },
): ByteReader {
  if (bytes.length > form.bytesMax) {
    const details = { file, offset: 0, expected: `at most ${form.bytesMax} bytes` };
    throw corrupt('it is too long', { ...details, got: bytes.length });
  }
  const head = new ByteReader(bytes, file);
  if (head.u64() !== form.magic)
    throw corrupt('it does not begin as it should', { file, offset: 0 });
  const version = head.u32();
  const end = bytes.length - checksumBytes;
  if (end < headBytes) throw corrupt('the bytes end too early', { file, offset: bytes.length });
  const expected = new DataView(bytes.buffer, bytes.byteOffset + end, checksumBytes).getUint32(0);
  const got = crc32(bytes.subarray(0, end));
  if (got !== expected) {
    throw corrupt('the checksum differs', { file, offset: end, expected, got });
  }
  if (version !== form.version) {
    throw new SnapshotError(
      'SNAPSHOT_VERSION',
      `${file} has version ${version}; this release reads version ${form.version}`,
    );
  }
  const reader = new ByteReader(bytes.subarray(0, end), file);
  reader.bytes(headBytes);
  return reader;
}
