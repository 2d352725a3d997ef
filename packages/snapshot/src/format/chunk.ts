/**
 * Chunks: how the content of a file is stored and sent. Each has a head of its own, so that it can
 * be checked before anybody sees it, without the rest of the file.
 *
 * ```
 *   0              4            8
 *   +--------------+------------+----------------------+
 *   | stored bytes | checksum   | stored bytes …       |      big-endian
 *   +--------------+------------+----------------------+
 * ```
 *
 * The checksum is CRC-32 over the salt, the number of the chunk, the length of its content, the
 * length stored, and the stored bytes. The salt is a CRC-32 of index, term and file name: a chunk
 * of another file or place never fits.
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

/** How the chunks of one file are made. */
export interface ChunkForm {
  readonly codec: SnapshotCodec;
  readonly chunkBytes: number;
  readonly salt: number;
}

export function chunkSalt({ index, term }: SnapshotMetadata, name: string): number {
  return crc32(`${index} ${term} ${name}`);
}

/**
 * The bytes that are stored for a content: compressed if that is asked for and makes it smaller.
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

/**
 * What is known in advance of the chunks of a file that exists or arrives, and the checks against
 * it.
 */
export class FileChunks implements ChunkForm {
  readonly codec: SnapshotCodec;
  readonly chunkBytes: number;
  readonly salt: number;
  readonly file: ManifestFile;
  readonly count: number;
  /** Whether all chunks are certainly stored as they are, so that their places can be computed. */
  readonly allPlain: boolean;

  constructor(metadata: SnapshotMetadata, manifest: SnapshotManifest, file: ManifestFile) {
    this.codec = manifest.codec;
    this.chunkBytes = manifest.chunkBytes;
    this.salt = chunkSalt(metadata, file.name);
    this.file = file;
    this.count = chunkCountOf(file.contentBytes, this.chunkBytes);
    this.allPlain = file.storedBytes === file.contentBytes + this.count * chunkHeadBytes;
  }

  /** The content of a chunk, numbered from 0. */
  contentBytesOf(number: number): number {
    return Math.min(this.chunkBytes, this.file.contentBytes - number * this.chunkBytes);
  }

  /**
   * How many bytes follow the head that starts these bytes. Checked: it is not 0 and fits into the
   * file.
   */
  storedBytesIn(head: Uint8Array, number: number, where: Where): number {
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const stored = view.getUint32(0);
    const contentBytes = this.contentBytesOf(number);
    const expected = this.codec === 'none' ? contentBytes : `1 to ${contentBytes}`;
    const fits = this.codec === 'none' ? stored === contentBytes : stored <= contentBytes;
    if (stored === 0 || !fits) {
      throw corrupt('the length of a chunk is impossible', { ...where, expected, got: stored });
    }
    return stored;
  }

  /** Checks a whole chunk: its bytes, and its head, which says how many they are. */
  check(chunk: Uint8Array, number: number, where: Where): void {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const stored = chunk.subarray(chunkHeadBytes);
    const length = view.getUint32(0);
    if (length !== stored.length) {
      const details = { ...where, expected: stored.length, got: length };
      throw corrupt('the length of a chunk is impossible', details);
    }
    const expected = view.getUint32(4);
    const got = checksumOf(this, number, this.contentBytesOf(number), stored);
    if (got !== expected) throw corrupt('the checksum differs', { ...where, expected, got });
  }

  /** The content of a chunk that was checked. A view of it where it is stored as it is. */
  async unpack(chunk: Uint8Array, number: number, where: Where): Promise<Uint8Array> {
    const stored = chunk.subarray(chunkHeadBytes);
    const expected = this.contentBytesOf(number);
    if (stored.length === expected) return stored;
    let content: Uint8Array;
    try {
      content = await inflate(stored, { maxOutputLength: expected });
    } catch (cause) {
      throw corrupt('the chunk cannot be expanded', where, cause);
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
