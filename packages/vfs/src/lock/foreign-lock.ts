/**
 * Locks that other programs hold on a file. Node.js has no calls for them, but Linux lists them all
 * in `/proc/locks`: `1: OFDLCK ADVISORY WRITE -1 08:01:1234 0 EOF` names the device (hexadecimal)
 * and the inode.
 */
import fs from 'node:fs';
import { toFileError } from '../classify-error.ts';
import { platform } from '../platform.ts';

/** Describes the holder of a write lock on the file; `undefined` if there is no such lock. */
export async function foreignLockOf(path: string): Promise<string | undefined> {
  if (!platform.hasProc) return undefined;
  let stats: fs.BigIntStats;
  try {
    stats = await fs.promises.stat(path, { bigint: true });
  } catch (error) {
    throw toFileError(error, 'stat', path);
  }
  const table = await fs.promises.readFile('/proc/locks', 'utf8').catch(() => '');
  return findLock(table, stats.dev, stats.ino);
}

/** Finds the write lock on this file in the text of `/proc/locks` and describes its holder. */
export function findLock(table: string, device: bigint, inode: bigint): string | undefined {
  const wanted = `${deviceText(device)}:${inode}`;
  for (const line of table.split('\n')) {
    const [, kind, , access, pid, file] = line.trim().split(/\s+/);
    if (file !== wanted || access !== 'WRITE') continue;
    return `${kind}, process ${pid === '-1' ? 'unknown' : pid}`;
  }
  return undefined;
}

/**
 * The device as the kernel prints it: major and minor number in hexadecimal, at least two digits
 * each.
 */
function deviceText(device: bigint): string {
  // The layout of `dev_t` in the C library: the bits of the two numbers are interleaved.
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${hex(major)}:${hex(minor)}`;
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0');
}
