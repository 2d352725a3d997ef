/**
 * The record in a lock file. A lock file that cannot be decoded is identified by its inode, time
 * and size: a live owner may have written only half of it, or a power cut may have torn it.
 */
import fs from 'node:fs';
import { errnoOf } from '../classify-error.ts';
import { openLockFile } from '../regular-file.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** The name of the lock file in its directory. */
export const LOCK_NAME = 'LOCK';

/** The owner of a lock. */
export interface LockRecord {
  /** 128 random bits in hexadecimal digits: no two acquisitions share one. */
  readonly token: string;
  readonly owner: ProcessIdentity;
  /** When the lock was taken, by the owner's clock, as ISO 8601. Only for error messages. */
  readonly since: string;
}

/** The state of a lock file at one moment. */
export interface SeenLock {
  /** The token; if it cannot be read, a name made of inode, time and size. */
  readonly id: string;
  /** Changes with each heartbeat. */
  readonly pulse: string;
  /** `undefined` if the file cannot be decoded. */
  readonly record: LockRecord | undefined;
}

/** The most bytes of a lock file that are read. Records have about 300 bytes. */
const RECORD_BYTES_MAX = 4096;

const FORMAT = 'babuza-lock-1';

/** The bytes of a lock file. */
export function encodeRecord(record: LockRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, ...record })}\n`);
}

/** The record in the bytes of a lock file, or `undefined` if they are not a complete record. */
export function decodeRecord(bytes: Uint8Array): LockRecord | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (!isObject(value) || value['format'] !== FORMAT || !isObject(value['owner']))
      return undefined;
    const { token, since, owner } = value;
    const { pid, host, bootId, pidNamespace, startTicks } = value['owner'];
    // The token becomes part of a file name, so its characters are checked.
    if (typeof token !== 'string' || !/^[0-9a-f]{32}$/.test(token)) return undefined;
    if (typeof since !== 'string' || typeof host !== 'string' || owner === undefined)
      return undefined;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    if (!isTextOrNull(bootId) || !isTextOrNull(pidNamespace) || !isTextOrNull(startTicks)) {
      return undefined;
    }
    return { token, since, owner: { pid, host, bootId, pidNamespace, startTicks } };
  } catch {
    return undefined;
  }
}

/** Describes the owner for error messages. */
export function describeOwner(record: LockRecord): string {
  return `held by process ${record.owner.pid} on ${record.owner.host} since ${record.since}`;
}

/**
 * Reads the state of a lock file; `undefined` if it does not exist. Throws a `FileError` of kind
 * `not-a-file` if the name is not that of a regular file.
 */
export async function seeLock(path: string): Promise<SeenLock | undefined> {
  let handle: fs.promises.FileHandle;
  try {
    handle = await openLockFile(path, fs.constants.O_RDONLY);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const stats = await handle.stat({ bigint: true });
    const record = await readRecord(handle);
    const pulse = `${stats.ino}-${stats.mtimeNs}-${stats.size}`;
    return { id: record?.token ?? `unreadable-${pulse}`, pulse, record };
  } finally {
    await handle.close();
  }
}

/** The record in an open lock file, or `undefined` if the file has no complete record. */
export async function readRecord(handle: fs.promises.FileHandle): Promise<LockRecord | undefined> {
  const buffer = Buffer.alloc(RECORD_BYTES_MAX);
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
  return decodeRecord(buffer.subarray(0, bytesRead));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}
