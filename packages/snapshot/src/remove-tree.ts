/**
 * Removes what may not be only ours: people leave folders in folders, and links. Of a link the link
 * goes, never what it leads to; what something is, is therefore asked of the folder that it is in.
 */
import type { EntryKind, FileSystem } from '@babuza/vfs';

/** What has this name in a folder; a link is `other`. */
export async function entryKind(
  fileSystem: FileSystem,
  folder: string,
  name: string,
): Promise<EntryKind | undefined> {
  const entries = await fileSystem.list(folder);
  return entries.find((entry) => entry.name === name)?.kind;
}

/** Removes the name with all that is below it; fine if there is none. */
export async function removeTree(
  fileSystem: FileSystem,
  folder: string,
  name: string,
): Promise<void> {
  const kind = await entryKind(fileSystem, folder, name);
  if (kind !== undefined) await remove(fileSystem, `${folder}/${name}`, kind);
}

async function remove(fileSystem: FileSystem, path: string, kind: EntryKind): Promise<void> {
  if (kind !== 'directory') return fileSystem.unlink(path);
  for (const entry of await fileSystem.list(path)) {
    await remove(fileSystem, `${path}/${entry.name}`, entry.kind);
  }
  await fileSystem.removeDirectory(path);
}
