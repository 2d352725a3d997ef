/**
 * etcd's `Repair`: cuts the last segment before an incomplete record, and keeps a copy of the
 * segment as it was.
 *
 * Source: etcd `server/storage/wal/repair.go`, `Repair`.
 */
import type { File, FileSystem } from '@babuza/vfs';
import type { SegmentName } from '../format/segment-name.ts';
import { piecesOf } from './pieces.ts';
import { scanSegment } from './scan.ts';

/**
 * Repairs the last segment. Returns false, and changes nothing, if it has damage that is not an
 * interrupted write. It does not check other segments or the types of records.
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
    await keepBrokenCopy(fileSystem, directory, file, `${path}.broken`);
    await cutAt(file, scan.validEnd);
    return true;
  } finally {
    await file.close();
  }
}

/** After this call the file durably ends at `end`. A crash before leaves the same damage. */
export async function cutAt(file: File, end: number): Promise<void> {
  await file.truncate(end);
  await file.datasync();
}

/** Copies the damaged file to the name that etcd uses. An older copy is replaced. */
export async function keepBrokenCopy(
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
