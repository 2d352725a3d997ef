/**
 * The file `snapshot` in the folder of each snapshot: what the snapshot is, and where its files are
 * on this node. A checksum covers all of it. Numbers are big-endian; README.md beside this file has
 * the byte diagram.
 */
import {
  decodeSnapshotMetadata,
  encodeSnapshotMetadata,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import { corrupt, SnapshotError } from '../snapshot-error.ts';
import { seal, unseal } from './byte-reader.ts';
import { decodeManifest, type SnapshotManifest } from './manifest.ts';
import { snapshotIdOf } from './snapshot-id.ts';

/** The location of a file of the manifest. */
export interface FileLocation {
  /**
   * The number of the file in the folder, which holds the chunks, or only their heads for a file
   * outside.
   */
  readonly number: number;
  /** The path of the content of a file outside the snapshot. */
  readonly outside?: string | undefined;
}

/** Everything that is known about a snapshot without reading its files. */
export interface SnapshotContents {
  readonly groupId: bigint;
  readonly metadata: SnapshotMetadata;
  readonly manifest: SnapshotManifest;
  readonly manifestBytes: Uint8Array;
  /** One for each file of the manifest, in the same order. */
  readonly locations: readonly FileLocation[];
}

/** `babuzasn` */
const magic: bigint = 0x6261_6275_7a61_736en;
const version = 1;
const fixedBytes = 36;
const checksumBytes = 4;
export const outsidePathBytesMax = 4096;
export const metadataFileBytesMax: number = 24 * 1024 * 1024;

export function encodeMetadataFile(contents: SnapshotContents): Uint8Array {
  const metadata = encodeSnapshotMetadata(contents.metadata);
  const locations = contents.locations.map(encodeLocation);
  const locationsBytes = locations.reduce((sum, location) => sum + location.length, 0);
  const bodyBytes = metadata.length + contents.manifestBytes.length + locationsBytes;
  const bytes = Buffer.alloc(fixedBytes + bodyBytes + checksumBytes);
  bytes.writeBigUInt64BE(magic, 0);
  bytes.writeUInt32BE(version, 8);
  bytes.writeBigUInt64BE(contents.groupId, 16);
  bytes.writeUInt32BE(metadata.length, 24);
  bytes.writeUInt32BE(contents.manifestBytes.length, 28);
  bytes.writeUInt32BE(locations.length, 32);
  let at = fixedBytes;
  for (const part of [metadata, contents.manifestBytes, ...locations]) {
    bytes.set(part, at);
    at += part.length;
  }
  return new Uint8Array(seal(bytes));
}

/**
 * Decodes a metadata file. Its parts are consistent afterwards, and the id was computed again.
 *
 * @throws SnapshotError `SNAPSHOT_CORRUPT`, `SNAPSHOT_VERSION`.
 */
export function decodeMetadataFile(
  bytes: Uint8Array,
  groupId: bigint,
  file: string,
): SnapshotContents {
  const reader = unseal(bytes, file, { magic, version, bytesMax: metadataFileBytesMax });
  reader.zeros(4);
  if (reader.u64() !== groupId)
    reader.fail(`the snapshot belongs to another group, expected group ${groupId}`);
  const metadataBytes = reader.u32();
  const manifestLength = reader.u32();
  const locationCount = reader.u32();
  const metadata = decodeMetadata(reader.bytes(metadataBytes), file);
  const manifestBytes = reader.bytes(manifestLength);
  const manifest = decodeManifest(manifestBytes, `manifest in ${file}`);
  if (locationCount !== manifest.files.length)
    reader.fail(`it has ${locationCount} locations for ${manifest.files.length} files`);
  const locations: FileLocation[] = [];
  const numbers = new Set<number>();
  for (let at = 0; at < locationCount; at += 1) {
    const number = reader.u16();
    if (numbers.has(number)) reader.fail(`two files have the number ${number}`);
    numbers.add(number);
    const pathBytes = reader.u16();
    if (pathBytes > outsidePathBytesMax)
      reader.fail(`a path has ${pathBytes} bytes, at most ${outsidePathBytesMax} are allowed`);
    locations.push(pathBytes === 0 ? { number } : { number, outside: reader.text(pathBytes) });
  }
  reader.end();
  checkId(groupId, metadata, manifest, file);
  return { groupId, metadata, manifest, manifestBytes, locations };
}

/** Refuses a manifest whose id does not fit this group and metadata. */
export function checkId(
  groupId: bigint,
  metadata: SnapshotMetadata,
  manifest: SnapshotManifest,
  file: string,
): void {
  const expected = snapshotIdOf(groupId, metadata, manifest.files);
  if (manifest.id === expected) return;
  throw corrupt('the id does not fit the content', {
    file,
    offset: 0,
    expected,
    got: manifest.id,
  });
}

/** Returns a valid copy that no caller can change. Throws `SNAPSHOT_INVALID`. */
export function checkedMetadata(metadata: SnapshotMetadata): SnapshotMetadata {
  try {
    if (metadata.index >= 1) return decodeSnapshotMetadata(encodeSnapshotMetadata(metadata));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SnapshotError('SNAPSHOT_INVALID', `the metadata is not valid: ${why}`, { cause });
  }
  throw new SnapshotError(
    'SNAPSHOT_INVALID',
    `the index of a snapshot is at least 1, got ${metadata.index}`,
  );
}

function decodeMetadata(bytes: Uint8Array, file: string): SnapshotMetadata {
  try {
    return decodeSnapshotMetadata(bytes);
  } catch (cause) {
    throw corrupt('the metadata cannot be read', { file, offset: fixedBytes }, cause);
  }
}

function encodeLocation({ number, outside }: FileLocation): Uint8Array {
  const path = Buffer.from(outside ?? '');
  const bytes = Buffer.alloc(4 + path.length);
  bytes.writeUInt16BE(number, 0);
  bytes.writeUInt16BE(path.length, 2);
  bytes.set(path, 4);
  return bytes;
}
