/**
 * A small record in a file of its own that is replaced as a whole: after a crash the old bytes or
 * the new ones are there, and any change of them is noticed. Little-endian:
 *
 *      0   magic "BABUZARC"        8   version u32          12  length of the content u32
 *      16  CRC-32 of bytes 0 to 16 and of all bytes from 20 on
 *      20  content
 *
 * The magic, the version and the checksum keep their places in all versions to come, so that a
 * newer record is told from a damaged one.
 */
import { crc32 } from 'node:zlib';
import { FileError } from './file-error.ts';
import type { FileSystem } from './file-system.ts';

/** The largest content of a record. */
export const recordBytesMax: number = 64 * 1024;

/** What this release writes, and the only version that it reads. */
export const recordVersion = 1;

const magic = new TextEncoder().encode('BABUZARC');
const checksumStart = 16;
const contentStart = 20;
/** A file of a newer version may be longer than those of this one; no record is ever this long. */
const fileBytesMax: number = 1024 * 1024;

/** What a file turned out to hold. */
export type StoredRecord =
  | { readonly kind: 'absent' }
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** The bytes are not those that were written; `why` says what does not fit. */
  | { readonly kind: 'damaged'; readonly why: string }
  /** The record is whole, and a newer release wrote it. */
  | { readonly kind: 'newer'; readonly version: number };

/** Where a new record is written before it gets its name. */
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
    if (kind === 'is-a-directory') return { kind: 'damaged', why: 'a directory has its name' };
    if (kind === 'not-a-file') return { kind: 'damaged', why: 'its name is not that of a file' };
    throw error;
  }
}

/**
 * Replaces the record `name` of a directory. Two calls for one name must not overlap. Durable when
 * it resolves. When it rejects with a `FileError`, or a crash interrupts it, the old or the new
 * record is there.
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
    // 2. A crash before the directory is synced leaves the old or the new record.
    await fileSystem.rename(temporary, `${directory}/${name}`);
  } catch (error) {
    // A file whose write or sync failed never gets the name. If it cannot be removed now, the next
    // write does.
    await fileSystem.unlink(temporary).catch(() => undefined);
    throw error;
  }
  // 3. Durable after it: the new record.
  await fileSystem.syncDirectory(directory);
}

/**
 * Removes the record and what an interrupted write left; fine if there is none. Durable after it.
 */
export async function removeRecord(
  fileSystem: FileSystem,
  directory: string,
  name: string,
): Promise<void> {
  for (const each of [temporaryRecordName(name), name]) {
    await unlinkIfThere(fileSystem, `${directory}/${each}`);
  }
  // Also where there was none: an earlier removal may have failed before this step.
  await fileSystem.syncDirectory(directory);
}

/** The bytes of the file with this content. */
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

/** What the bytes of a file mean. */
export function decodeRecord(file: Uint8Array): StoredRecord {
  if (file.length < contentStart) {
    return damaged(`it has ${file.length} bytes, and the shortest record has ${contentStart}`);
  }
  if (file.length > fileBytesMax) return damaged(`it has more than ${fileBytesMax} bytes`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (magic.some((byte, at) => file[at] !== byte)) return damaged('it does not begin as a record');
  if (view.getUint32(checksumStart, true) !== checksumOf(file)) {
    return damaged('its checksum is not that of its bytes');
  }
  const version = view.getUint32(8, true);
  if (version !== recordVersion) return { kind: 'newer', version };
  const contentBytes = view.getUint32(12, true);
  if (contentBytes !== file.length - contentStart || contentBytes > recordBytesMax) {
    return damaged(`it names a length of ${contentBytes} and has ${file.length - contentStart}`);
  }
  return { kind: 'whole', bytes: file.slice(contentStart) };
}

async function readBytes(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const file = await fileSystem.open(path, 'read');
  try {
    // One byte more than is allowed tells that a file is too long, whatever its length is.
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
  // An interrupted write may have left one.
  await unlinkIfThere(fileSystem, path);
  const file = await fileSystem.open(path, 'create');
  try {
    await file.write(bytes, 0);
    // 1. Durable after it: the content. Its name is one that nothing reads.
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
