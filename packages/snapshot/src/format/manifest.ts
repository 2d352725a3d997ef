/**
 * The manifest: what a snapshot consists of. It travels in the data of a Raft snapshot and lies in
 * the metadata file; the same bytes in both. It names no path and no node. Big-endian; byte diagram
 * in README.md beside this file.
 */
import { SnapshotError } from '../snapshot-error.ts';
import { seal, unseal } from './byte-reader.ts';

/** How chunks are stored. One that does not get smaller is stored as it is. */
export type SnapshotCodec = 'none' | 'deflate';

/** One file of a snapshot. */
export interface ManifestFile {
  readonly name: string;
  readonly contentBytes: number;
  /** As stored and sent: chunks with their heads. */
  readonly storedBytes: number;
  /** Of the content. */
  readonly sha256: Uint8Array;
}

export interface SnapshotManifest {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly codec: SnapshotCodec;
  /** Content is cut into chunks of this size; the last one of a file may be shorter. */
  readonly chunkBytes: number;
  /** Ascending by name. */
  readonly files: readonly ManifestFile[];
}

/** `babuzasm` */
const magic: bigint = 0x6261_6275_7a61_736dn;
const version = 1;
const fixedBytes = 60;
const codecs: readonly SnapshotCodec[] = ['none', 'deflate'];

/** A snapshot of more files would make its Raft message large. */
export const filesMax = 4096;
export const manifestBytesMax: number = 1024 * 1024;
export const chunkBytesMin = 512;
/** Bounds what a receiver holds of a file at a time. */
export const chunkBytesMax: number = 1024 * 1024;
/** Stored length and checksum of a chunk. */
export const chunkHeadBytes = 8;
export const hashBytes = 32;

const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

export function isFileName(name: unknown): name is string {
  return typeof name === 'string' && namePattern.test(name);
}

/** How many chunks a content has. */
export function chunkCountOf(contentBytes: number, chunkBytes: number): number {
  return Math.ceil(contentBytes / chunkBytes);
}

/** All files together, as stored and sent. */
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
 * Reads a manifest from bytes that may be hostile. All sizes fit each other afterwards.
 *
 * @throws SnapshotError `SNAPSHOT_CORRUPT`, `SNAPSHOT_VERSION`; `file` is what the error names.
 */
export function decodeManifest(bytes: Uint8Array, file = 'manifest'): SnapshotManifest {
  const reader = unseal(bytes, file, { magic, version, bytesMax: manifestBytesMax });
  const codec = codecs[reader.u8()] ?? reader.fail('the codec is unknown');
  reader.zeros(3);
  const chunkBytes = reader.u32();
  if (chunkBytes < chunkBytesMin || chunkBytes > chunkBytesMax) {
    reader.fail(`${chunkBytes} is no size of chunks`);
  }
  const id = Buffer.from(reader.bytes(hashBytes)).toString('hex');
  const count = reader.u32();
  if (count > filesMax) reader.fail(`${count} files are too many`);
  const files: ManifestFile[] = [];
  for (let number = 0; number < count; number += 1) {
    const name = reader.text(reader.u8());
    const previous = files.at(-1)?.name;
    if (!isFileName(name)) reader.fail('the name is not allowed');
    if (previous !== undefined && previous >= name) reader.fail('the names do not ascend');
    const contentBytes = reader.size();
    const storedBytes = reader.size();
    if (!isPossible(codec, chunkBytes, contentBytes, storedBytes)) {
      reader.fail(`${contentBytes} bytes cannot be stored as ${storedBytes}`);
    }
    files.push({ name, contentBytes, storedBytes, sha256: reader.bytes(hashBytes) });
  }
  reader.end();
  const manifest = { id, codec, chunkBytes, files };
  if (!Number.isSafeInteger(storedBytesOf(manifest))) reader.fail('the files are too large');
  return manifest;
}

/** Refuses a manifest that could not be read back. */
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
