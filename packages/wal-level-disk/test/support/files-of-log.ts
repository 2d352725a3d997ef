/** Reads the files of a log on LevelDB, so that tests can damage copies of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The contents by path within the directory. */
export type Files = ReadonlyMap<string, Uint8Array>;

/**
 * All files except `LOCK`, which is empty. Opening and closing it would release the lock of an open
 * log.
 */
export function takeFiles(directory: string): Files {
  const files = new Map<string, Uint8Array>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'LOCK') continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(directory.length + 1), new Uint8Array(readFileSync(path)));
  }
  return new Map([...files].sort(([one], [other]) => (one < other ? -1 : 1)));
}

export function without(files: Files, part: RegExp): Files {
  return new Map([...files].filter(([name]) => !part.test(name)));
}

export function bytesOf(files: Files): number {
  return [...files.values()].reduce((bytes, { length }) => bytes + length, 0);
}
