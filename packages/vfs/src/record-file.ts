/**
 * A small record in a file of its own, which is replaced as a whole. After a crash the file has
 * either the old bytes or the new ones, and a checksum detects any change of them. Numbers are
 * little-endian:
 *
 *      0   magic "BABUZARC"        8   version u32          12  length of the content u32
 *      16  CRC-32 of bytes 0 to 16 and of all bytes from 20 on
 *      20  content
 *
 * The magic, the version and the checksum keep their offsets in all future versions, so that a
 * reader can tell a newer record from a damaged one.
 */
import { crc32 } from 'node:zlib';
import { FileError } from './file-error.ts';
import type { FileSystem } from './file-system.ts';

/** The largest content of a record, in bytes. */
export const recordBytesMax: number = 64 * 1024;

/** The version that this release writes, and the only one that it reads. */
export const recordVersion = 1;

const magic = new TextEncoder().encode('BABUZARC');
const checksumStart = 16;
const contentStart = 20;
/** The largest file that may be a record. Newer versions may allow longer records than this one. */
const fileBytesMax: number = 1024 * 1024;

/** The result of reading a record. */
export type StoredRecord =
  | { readonly kind: 'absent' }
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** The bytes are not those that were written; `why` is the reason. */
  | { readonly kind: 'damaged'; readonly why: string }
  /** The record is intact, and a newer release wrote it. */
  | { readonly kind: 'newer'; readonly version: number };

/** The name under which a new record is written before it is renamed to `name`. */
export function temporaryRecordName(name: string): string {
  return `${name}.tmp`;
}

/** Reads the record `name` of a directory. Errors of the disk are `FileError`s. */
export async function readRecord(
  fileSystem: FileSystem,
  directory: string,
  name: string,
): Promise<StoredRecord> {
  try {
    return decodeRecord(await readBytes(fileSystem, `${directory}/${name}`));
  } catch (error) {
    const kind = error instanceof FileError ? error.kind : undefined;
    if (kind === 'not-found') return { kind: 'absent' };
    if (kind === 'is-a-directory')
      return { kind: 'damaged', why: 'its name is that of a directory' };
    if (kind === 'not-a-file')
      return { kind: 'damaged', why: 'its name is not that of a regular file' };
    throw error;
  }
}

/**
 * Replaces the record `name` of a directory. Two calls for one name must not overlap. The new
 * record is durable when this resolves. If it rejects with a `FileError`, or a crash interrupts it,
 * the file has either the old or the new record.
 */
export async function writeRecord(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = `${directory}/${temporaryRecordName(name)}`;
  try {
    await writeTemporary(fileSystem, temporary, encodeRecord(bytes));
    // 2. Rename. A crash before step 3, the sync of the directory, leaves the old or the new
    // record; after it the new one is durable.
    await fileSystem.rename(temporary, `${directory}/${name}`);
  } catch (error) {
    // A file whose write or sync failed never gets the name. If it cannot be removed now, the next
    // write removes it.
    await fileSystem.unlink(temporary).catch(() => undefined);
    throw error;
  }
  await fileSystem.syncDirectory(directory);
}

/**
 * Removes the record, if it exists, and the file of an interrupted write. The removal is durable
 * when this resolves.
 */
export async function removeRecord(
  fileSystem: FileSystem,
  directory: string,
  name: string,
): Promise<void> {
  // The directory is synced even if no file is removed: an earlier call may have failed before it.
  for (const each of [temporaryRecordName(name), name]) {
    await unlinkIfThere(fileSystem, `${directory}/${each}`);
  }
  await fileSystem.syncDirectory(directory);
}

/** The bytes of a file for this content. Throws a `RangeError` if it is too long. */
export function encodeRecord(content: Uint8Array): Uint8Array {
  if (content.length > recordBytesMax) {
    throw new RangeError(`a record has at most ${recordBytesMax} bytes, got ${content.length}`);
  }
  const file = new Uint8Array(contentStart + content.length);
  const view = new DataView(file.buffer);
  file.set(magic);
  view.setUint32(8, recordVersion, true);
  view.setUint32(12, content.length, true);
  file.set(content, contentStart);
  view.setUint32(checksumStart, checksumOf(file), true);
  return file;
}

/** Decodes and verifies the bytes of a file. */
export function decodeRecord(file: Uint8Array): StoredRecord {
  if (file.length < contentStart) {
    return damaged(`it has ${file.length} bytes, and the shortest record has ${contentStart}`);
  }
  if (file.length > fileBytesMax) return damaged(`it has more than ${fileBytesMax} bytes`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (magic.some((byte, at) => file[at] !== byte))
    return damaged('it does not start like a record');
  if (view.getUint32(checksumStart, true) !== checksumOf(file)) {
    return damaged('its checksum does not match its bytes');
  }
  const version = view.getUint32(8, true);
  if (version !== recordVersion) return { kind: 'newer', version };
  const contentBytes = view.getUint32(12, true);
  if (contentBytes !== file.length - contentStart || contentBytes > recordBytesMax) {
    return damaged(
      `its length field is ${contentBytes}, but its content has ${file.length - contentStart} bytes`,
    );
  }
  return { kind: 'whole', bytes: file.slice(contentStart) };
}

async function readBytes(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const file = await fileSystem.open(path, 'read');
  try {
    // Reading one byte more than allowed suffices to see that a file is too long.
    const bytes = new Uint8Array(Math.min(await file.size(), fileBytesMax + 1));
    const got = await file.read(bytes, 0);
    return bytes.subarray(0, got);
  } finally {
    await file.close();
  }
}

async function writeTemporary(
  fileSystem: FileSystem,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  // An interrupted write may have left a temporary file.
  await unlinkIfThere(fileSystem, path);
  const file = await fileSystem.open(path, 'create');
  try {
    await file.write(bytes, 0);
    // 1. After this sync the content is durable, under a name that no reader looks at.
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function unlinkIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.unlink(path);
  } catch (error) {
    if (!(error instanceof FileError) || error.kind !== 'not-found') throw error;
  }
}

function damaged(why: string): StoredRecord {
  return { kind: 'damaged', why };
}

function checksumOf(file: Uint8Array): number {
  return crc32(file.subarray(contentStart), crc32(file.subarray(0, checksumStart)));
}
