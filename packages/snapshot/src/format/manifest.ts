/**
 * The manifest: the files of a snapshot. The same bytes are in the data of a Raft snapshot message
 * and in the metadata file. It names no path and no node. Numbers are big-endian; README.md beside
 * this file has the byte diagram.
 */
import { SnapshotError } from '../snapshot-error.ts';
import { seal, unseal } from './byte-reader.ts';

/** How chunks are stored. A chunk that does not get smaller is stored uncompressed. */
export type SnapshotCodec = 'none' | 'deflate';

/** One file of a snapshot. */
export interface ManifestFile {
  readonly name: string;
  readonly contentBytes: number;
  /** The size as stored and sent: the chunks with their heads. */
  readonly storedBytes: number;
  /** The SHA-256 of the content. */
  readonly sha256: Uint8Array;
}

export interface SnapshotManifest {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly codec: SnapshotCodec;
  /** The size of the content of a chunk. The last chunk of a file may be shorter. */
  readonly chunkBytes: number;
  /** The files in ascending order of their names. */
  readonly files: readonly ManifestFile[];
}

/** `babuzasm` */
const magic: bigint = 0x6261_6275_7a61_736dn;
const version = 1;
const fixedBytes = 60;
const codecs: readonly SnapshotCodec[] = ['none', 'deflate'];

/** The largest number of files. More files would make the Raft message large. */
export const filesMax = 4096;
export const manifestBytesMax: number = 1024 * 1024;
export const chunkBytesMin = 512;
/** Bounds how much of a file a receiver holds in memory. */
export const chunkBytesMax: number = 1024 * 1024;
/** The size of the head: stored length and checksum. */
export const chunkHeadBytes = 8;
export const hashBytes = 32;

const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

export function isFileName(name: unknown): name is string {
  return typeof name === 'string' && namePattern.test(name);
}

/** The number of chunks of a content. */
export function chunkCountOf(contentBytes: number, chunkBytes: number): number {
  return Math.ceil(contentBytes / chunkBytes);
}

/** The size of all files as stored and sent. */
export function storedBytesOf({ files }: SnapshotManifest): number {
  return files.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
}

export function encodeManifest(manifest: SnapshotManifest): Uint8Array {
  const { files } = manifest;
  const perFile = files.reduce((sum, { name }) => sum + 1 + name.length + 16 + hashBytes, 0);
  const bytes = Buffer.alloc(fixedBytes + perFile);
  bytes.writeBigUInt64BE(magic, 0);
  bytes.writeUInt32BE(version, 8);
  bytes.writeUInt8(codecs.indexOf(manifest.codec), 12);
  bytes.writeUInt32BE(manifest.chunkBytes, 16);
  bytes.write(manifest.id, 20, 'hex');
  bytes.writeUInt32BE(files.length, 52);
  let at = fixedBytes - 4;
  for (const { name, contentBytes, storedBytes, sha256 } of files) {
    at = bytes.writeUInt8(name.length, at);
    at += bytes.write(name, at, 'latin1');
    at = bytes.writeBigUInt64BE(BigInt(contentBytes), at);
    at = bytes.writeBigUInt64BE(BigInt(storedBytes), at);
    bytes.set(sha256, at);
    at += hashBytes;
  }
  return new Uint8Array(seal(bytes));
}

/**
 * Decodes a manifest from untrusted bytes, and checks that its sizes are consistent.
 *
 * @param file The name that errors use.
 * @throws SnapshotError `SNAPSHOT_CORRUPT`, `SNAPSHOT_VERSION`.
 */
export function decodeManifest(bytes: Uint8Array, file = 'manifest'): SnapshotManifest {
  const reader = unseal(bytes, file, { magic, version, bytesMax: manifestBytesMax });
  const codec = codecs[reader.u8()] ?? reader.fail('the codec is unknown');
  reader.zeros(3);
  const chunkBytes = reader.u32();
  if (chunkBytes < chunkBytesMin || chunkBytes > chunkBytesMax) {
    reader.fail(`the chunk size ${chunkBytes} is not from ${chunkBytesMin} to ${chunkBytesMax}`);
  }
  const id = Buffer.from(reader.bytes(hashBytes)).toString('hex');
  const count = reader.u32();
  if (count > filesMax) reader.fail(`it has ${count} files, at most ${filesMax} are allowed`);
  const files: ManifestFile[] = [];
  for (let number = 0; number < count; number += 1) {
    const name = reader.text(reader.u8());
    const previous = files.at(-1)?.name;
    if (!isFileName(name)) reader.fail('a file name is not allowed');
    if (previous !== undefined && previous >= name)
      reader.fail('the file names are not in ascending order');
    const contentBytes = reader.size();
    const storedBytes = reader.size();
    if (!isPossible(codec, chunkBytes, contentBytes, storedBytes)) {
      reader.fail(`${contentBytes} bytes cannot be stored as ${storedBytes}`);
    }
    files.push({ name, contentBytes, storedBytes, sha256: reader.bytes(hashBytes) });
  }
  reader.end();
  const manifest = { id, codec, chunkBytes, files };
  if (!Number.isSafeInteger(storedBytesOf(manifest)))
    reader.fail('the sum of the file sizes is above 2^53 - 1');
  return manifest;
}

/** Refuses a manifest that no release would accept. */
export function checkManifestLimits(fileCount: number): void {
  if (fileCount <= filesMax) return;
  throw new SnapshotError(
    'SNAPSHOT_INVALID',
    `a snapshot has at most ${filesMax} files, got ${fileCount}`,
  );
}

function isPossible(
  codec: SnapshotCodec,
  chunkBytes: number,
  contentBytes: number,
  storedBytes: number,
): boolean {
  const chunks = chunkCountOf(contentBytes, chunkBytes);
  const plainBytes = contentBytes + chunks * chunkHeadBytes;
  if (codec === 'none') return storedBytes === plainBytes;
  return storedBytes <= plainBytes && storedBytes >= chunks * (chunkHeadBytes + 1);
}
