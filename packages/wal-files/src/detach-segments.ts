/**
 * Keeps late writes of a former owner out of a log. An owner without heartbeats may still be
 * running. When it was suspended, a write to a segment may have been in flight, and such a write
 * cannot be cancelled. So the segments that it may have open are replaced by copies. The late write
 * then reaches a file that has no name any more.
 */
import { FileError, type FileSystem } from '@babuza/vfs';
import type { LastSegments } from './log-files.ts';

const pieceBytes: number = 1024 * 1024;

/**
 * Replaces the segments by copies of themselves, durably. When the disk has no space for a copy,
 * the remaining segments are not replaced.
 */
export async function detachSegments(
  fileSystem: FileSystem,
  directory: string,
  { fileNames, temporaryName }: LastSegments,
): Promise<void> {
  const copy = `${directory}/${temporaryName}`;
  await unlinkIfThere(fileSystem, copy);
  try {
    for (const fileName of fileNames) {
      const path = `${directory}/${fileName}`;
      // After this the content of the copy is durable. A crash just before leaves a partial copy
      // under a temporary name, which recovery removes.
      await copyFile(fileSystem, path, copy);
      await fileSystem.rename(copy, path);
    }
  } catch (error) {
    if (!(error instanceof FileError) || error.kind !== 'no-space') throw error;
    // Removes the partial copy. If the disk had no space even for its name, it does not exist.
    await unlinkIfThere(fileSystem, copy);
  }
  // After this sync the names refer to the copies durably. A crash just before leaves the original
  // or the copy, which have the same content.
  await fileSystem.syncDirectory(directory);
}

async function unlinkIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  if ((await fileSystem.kindOf(path)) !== undefined) await fileSystem.unlink(path);
}

async function copyFile(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  const source = await fileSystem.open(from, 'read');
  try {
    const target = await fileSystem.open(to, 'create');
    try {
      const piece = new Uint8Array(pieceBytes);
      for (let position = 0; ; position += piece.length) {
        const bytes = await source.read(piece, position);
        if (bytes > 0) await target.write(piece.subarray(0, bytes), position);
        if (bytes < piece.length) break;
      }
      await target.datasync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
