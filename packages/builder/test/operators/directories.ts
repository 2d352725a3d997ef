/** Contents of directories, as backups and copies of volumes hold them. */
import type { SimulatedDisk } from '@babuza/testkit';

export type Files = ReadonlyMap<string, Uint8Array>;

/** A part of the directory of a node. */
export type Folder = '/data/' | '/data/wal/' | '/data/snap/';

/** Locks are not copied: they belong to a process. */
const isKept = (path: string, folder: Folder): boolean =>
  path.startsWith(folder) && !path.endsWith('/LOCK');

export function readFiles({ surgery }: SimulatedDisk, folder: Folder = '/data/'): Files {
  const paths = surgery.files().filter((path) => isKept(path, folder));
  return new Map(paths.map((path) => [path, surgery.contents(path)]));
}

/** Replaces the content of the directory by the files of the copy. */
export function replaceFiles(
  { surgery }: SimulatedDisk,
  files: Files,
  folder: Folder = '/data/',
): void {
  for (const path of surgery.files()) if (isKept(path, folder)) surgery.remove(path);
  for (const [path, bytes] of files) {
    if (!isKept(path, folder)) continue;
    surgery.makeDirectory(path.slice(0, path.lastIndexOf('/')));
    surgery.put(path, bytes);
  }
}

export const noFiles: Files = new Map();
