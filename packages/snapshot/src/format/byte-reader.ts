/**
 * Reads big-endian fields from untrusted bytes. Every length is checked against the remaining bytes
 * before it is used. A field that does not fit is `SNAPSHOT_CORRUPT` with its offset.
 */
import { crc32 } from 'node:zlib';
import { corrupt, SnapshotError } from '../snapshot-error.ts';

/** Magic number and version. */
const headBytes = 12;
const checksumBytes = 4;

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;
  #offset = 0;

  /** `file` is the name that errors use. */
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

  /** A size. A value above 2^53 − 1 is damage and is never rounded. */
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

  /** Checks that everything was read. */
  end(): void {
    if (this.#offset !== this.#bytes.length) this.fail('there are bytes after the end');
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

/** Writes the checksum of all bytes before it into the last four bytes. */
export function seal(bytes: Uint8Array): Uint8Array {
  const at = bytes.length - checksumBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(at, crc32(bytes.subarray(0, at)));
  return bytes;
}

/**
 * Checks the parts that every version shares: magic (8 bytes), version (4), …, checksum (4).
 * Returns a reader of the bytes in between. An unknown version is reported as one only if the
 * checksum fits.
 */
export function unseal(
  bytes: Uint8Array,
  file: string,
  form: { readonly magic: bigint; readonly version: number; readonly bytesMax: number },
): ByteReader {
  if (bytes.length > form.bytesMax) {
    const details = { file, offset: 0, expected: `at most ${form.bytesMax} bytes` };
    throw corrupt('the file is too long', { ...details, got: bytes.length });
  }
  const head = new ByteReader(bytes, file);
  if (head.u64() !== form.magic) throw corrupt('the magic number is wrong', { file, offset: 0 });
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
      `${file} has format version ${version}, and this release reads version ${form.version}. Use the release that wrote it, or a newer one`,
    );
  }
  const reader = new ByteReader(bytes.subarray(0, end), file);
  reader.bytes(headBytes);
  return reader;
}
