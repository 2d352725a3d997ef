/**
 * etcd's `Repair`: cuts the last segment where a record is not all there, and keeps a copy of what
 * it was.
 *
 * Source: etcd `server/storage/wal/repair.go`, `Repair`.
 */
import type { File, FileSystem } from '@babuza/vfs';
import type { SegmentName } from '../format/segment-name.ts';
import { piecesOf } from './pieces.ts';
import { scanSegment } from './scan.ts';

/**
 * Returns false where the end of the last segment is damaged in a way that is no interrupted write:
 * then nothing was changed. It looks at no other segment and at no type.
 */
export async function repairLastSegment(
  fileSystem: FileSystem,
  directory: string,
  last: SegmentName,
): Promise<boolean> {
  const path = `${directory}/${last.fileName}`;
  const file = await fileSystem.open(path, 'write');
  try {
    const scan = await scanSegment({ file, checksum: 0, isLast: true }, () => true);
    if (scan.end === 'end') return true;
    if (scan.end !== 'unexpected-end' && scan.end !== 'torn') return false;
    await keepBroken(fileSystem, directory, file, `${path}.broken`);
    await cutAt(file, scan.validEnd);
    return true;
  } finally {
    await file.close();
  }
}

/** Durable after it: the file ends at `end`. A crash before leaves the same damage. */
export async function cutAt(file: File, end: number): Promise<void> {
  await file.truncate(end);
  await file.datasync();
}

/** A copy of the damaged file, under the name that etcd gives it; an older one is replaced. */
export async function keepBroken(
  fileSystem: FileSystem,
  directory: string,
  file: File,
  path: string,
): Promise<void> {
  if ((await fileSystem.kindOf(path)) !== undefined) await fileSystem.unlink(path);
  const copy = await fileSystem.open(path, 'create');
  try {
    for await (const { piece, offset } of piecesOf(file, 0)) await copy.write(piece, offset);
    await copy.datasync();
  } finally {
    await copy.close();
  }
  await fileSystem.syncDirectory(directory);
}
