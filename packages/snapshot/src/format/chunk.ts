/**
 * Chunks, the units in which the content of a file is stored and sent. Each chunk has a head of its
 * own, so it can be verified without the rest of the file before anybody sees it.
 *
 * ```
 *   0              4            8
 *   +--------------+------------+----------------------+
 *   | stored bytes | checksum   | stored bytes …       |      big-endian
 *   +--------------+------------+----------------------+
 * ```
 *
 * The checksum is CRC-32 over the salt, the number of the chunk, the length of its content, the
 * stored length, and the stored bytes. The salt is a CRC-32 of index, term and file name. So a
 * chunk of another file or another position never fits.
 */
import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw } from 'node:zlib';
import type { SnapshotMetadata } from '@babuza/raftpb';
import { corrupt, type DamageDetails } from '../snapshot-error.ts';
import {
  chunkCountOf,
  chunkHeadBytes,
  type ManifestFile,
  type SnapshotCodec,
  type SnapshotManifest,
} from './manifest.ts';

const deflate = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);
const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflateRaw);

type Where = Pick<DamageDetails, 'file' | 'offset'>;

/** How the chunks of one file are encoded. */
export interface ChunkForm {
  readonly codec: SnapshotCodec;
  readonly chunkBytes: number;
  readonly salt: number;
}

export function chunkSalt({ index, term }: SnapshotMetadata, name: string): number {
  return crc32(`${index} ${term} ${name}`);
}

/**
 * The bytes to store for a content. They are compressed if the codec asks for it and the result is
 * smaller.
 */
export async function pack(
  codec: SnapshotCodec,
  content: Uint8Array,
  level: number,
): Promise<Uint8Array> {
  if (codec === 'none') return content;
  const packed = await deflate(content, { level });
  return packed.length < content.length ? packed : content;
}

export function writeHead(
  target: Uint8Array,
  at: number,
  form: ChunkForm,
  number: number,
  contentBytes: number,
  stored: Uint8Array,
): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint32(at, stored.length);
  view.setUint32(at + 4, checksumOf(form, number, contentBytes, stored));
}

/** The form of the chunks of a file that is read or received, and the checks of them. */
export class FileChunks implements ChunkForm {
  readonly codec: SnapshotCodec;
  readonly chunkBytes: number;
  readonly salt: number;
  readonly file: ManifestFile;
  readonly count: number;
  /** Whether all chunks are stored uncompressed, so that their offsets can be computed. */
  readonly allPlain: boolean;

  constructor(metadata: SnapshotMetadata, manifest: SnapshotManifest, file: ManifestFile) {
    this.codec = manifest.codec;
    this.chunkBytes = manifest.chunkBytes;
    this.salt = chunkSalt(metadata, file.name);
    this.file = file;
    this.count = chunkCountOf(file.contentBytes, this.chunkBytes);
    this.allPlain = file.storedBytes === file.contentBytes + this.count * chunkHeadBytes;
  }

  /** The length of the content of a chunk. Chunks are numbered from 0. */
  contentBytesOf(number: number): number {
    return Math.min(this.chunkBytes, this.file.contentBytes - number * this.chunkBytes);
  }

  /** Reads from a head how many bytes follow it, and checks that this number is possible. */
  storedBytesIn(head: Uint8Array, number: number, where: Where): number {
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const stored = view.getUint32(0);
    const contentBytes = this.contentBytesOf(number);
    const expected = this.codec === 'none' ? contentBytes : `1 to ${contentBytes}`;
    const fits = this.codec === 'none' ? stored === contentBytes : stored <= contentBytes;
    if (stored === 0 || !fits) {
      throw corrupt('the chunk has an impossible length', { ...where, expected, got: stored });
    }
    return stored;
  }

  /** Checks a complete chunk against its head. */
  check(chunk: Uint8Array, number: number, where: Where): void {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const stored = chunk.subarray(chunkHeadBytes);
    const length = view.getUint32(0);
    if (length !== stored.length) {
      const details = { ...where, expected: stored.length, got: length };
      throw corrupt('the chunk has an impossible length', details);
    }
    const expected = view.getUint32(4);
    const got = checksumOf(this, number, this.contentBytesOf(number), stored);
    if (got !== expected) throw corrupt('the checksum differs', { ...where, expected, got });
  }

  /**
   * The content of a verified chunk. If the chunk is stored uncompressed the content shares its
   * memory.
   */
  async unpack(chunk: Uint8Array, number: number, where: Where): Promise<Uint8Array> {
    const stored = chunk.subarray(chunkHeadBytes);
    const expected = this.contentBytesOf(number);
    if (stored.length === expected) return stored;
    let content: Uint8Array;
    try {
      content = await inflate(stored, { maxOutputLength: expected });
    } catch (cause) {
      throw corrupt('the chunk cannot be decompressed', where, cause);
    }
    if (content.length !== expected) {
      throw corrupt('the chunk is too short', { ...where, expected, got: content.length });
    }
    return content;
  }
}

function checksumOf(
  { salt }: ChunkForm,
  number: number,
  contentBytes: number,
  stored: Uint8Array,
): number {
  const prefix = Buffer.allocUnsafe(20);
  prefix.writeUInt32BE(salt, 0);
  prefix.writeBigUInt64BE(BigInt(number), 4);
  prefix.writeUInt32BE(contentBytes, 12);
  prefix.writeUInt32BE(stored.length, 16);
  return crc32(stored, crc32(prefix));
}
