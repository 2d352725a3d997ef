/**
 * Removes a tree that may contain files of others, such as nested folders and links. A link is
 * removed itself, never its target. For that the kind of an entry comes from the listing of its
 * folder, which does not follow links.
 */
import type { EntryKind, FileSystem } from '@babuza/vfs';

/** The kind of the entry with this name. A link is `other`. */
export async function entryKind(
  fileSystem: FileSystem,
  folder: string,
  name: string,
): Promise<EntryKind | undefined> {
  const entries = await fileSystem.list(folder);
  return entries.find((entry) => entry.name === name)?.kind;
}

/** Removes the entry and everything below it. Does nothing if it does not exist. */
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
