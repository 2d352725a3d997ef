/**
 * Keeps late writes of a former owner out of a log. An owner whose heartbeat was missing for long
 * may still live; when it stopped, a write may have been on its way to a segment that it has open.
 * Such a write cannot be called back. So the segments that it may have open are replaced by copies:
 * the write then arrives in a file that has no name any more.
 */
import { FileError, type FileSystem } from '@babuza/vfs';
import type { LastSegments } from './log-files.ts';

const pieceBytes: number = 1024 * 1024;

/**
 * Replaces the segments by copies of themselves, durably. Segments for whose copy the disk has no
 * space stay as they are.
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
      // Durable after it: the content of the copy. A crash just before leaves it under a name that
      // nobody reads.
      await copyFile(fileSystem, path, copy);
      await fileSystem.rename(copy, path);
    }
  } catch (error) {
    if (!(error instanceof FileError) || error.kind !== 'no-space') throw error;
    // The space may be missing for the name of the copy, too.
    await unlinkIfThere(fileSystem, copy);
  }
  // Durable after it: that the names lead to the copies. A crash just before leaves either, with
  // the same content.
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
