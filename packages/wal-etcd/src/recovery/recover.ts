/**
 * Acts on the findings of `readLog`: repairs the end of the last segment as an etcd server does,
 * makes the accepted records durable, and removes temporary files. Where the last segment ends
 * within a record, a copy of the segment is kept and the record is cut off (etcd's `Repair`).
 * Otherwise the bytes after the last record are overwritten with zeros. A crash at any point leads
 * to the same findings again.
 */
import { FileError, type FileSystem } from '@babuza/vfs';
import { CorruptError } from '@babuza/wal-core';
import { isTemporaryName } from '../format/segment-name.ts';
import type { EtcdSegment } from '../segment/segment.ts';
import type { AppendPoint } from '../writer/wal-writer.ts';
import { appendPointOf, makeTailDurable } from './append-point.ts';
import type { LogContents } from './read-log.ts';
import { cutAt, keepBrokenCopy } from './repair.ts';

/** Returns the position of the next record. Errors of the disk may be `FileError`s. */
export async function recover(
  fileSystem: FileSystem,
  contents: LogContents,
  uncertainTail: 'cut' | 'refuse',
): Promise<AppendPoint> {
  const { directory, groupId, segments, scan, tail } = contents;
  const last = segments.at(-1);
  if (last === undefined) throw new RangeError('a log must have a segment');
  if (tail.verdict === 'uncertain' && uncertainTail === 'refuse') {
    throw new CorruptError(
      `the last ${tail.bytesDropped} bytes of the log are from an interrupted write or were damaged later, and the option uncertainTail is 'refuse'`,
      { groupId, file: last.path, offset: scan.validEnd, verdict: 'uncertain' },
    );
  }
  let { fileBytes } = scan;
  let leftover = tail.bytesDropped;
  if (scan.end !== 'end') {
    await keepBrokenCopyIfSpace(fileSystem, directory, last);
    await cutAt(last.file, scan.validEnd);
    fileBytes = scan.validEnd;
    leftover = 0;
  }
  // After this step all accepted records are durable, and nothing but zeros follows them.
  await makeTailDurable(last.file, scan.validEnd, leftover);
  await removeTemporaries(fileSystem, directory);
  // After this step the names of the segments are durable. A process that was killed may have
  // created them without a sync of the directory.
  await fileSystem.syncDirectory(directory);
  return { ...appendPointOf(last, scan), fileBytes };
}

/** The copy only helps people, so a full disk must not keep the log from being opened. */
async function keepBrokenCopyIfSpace(
  fileSystem: FileSystem,
  directory: string,
  { file, path }: EtcdSegment,
): Promise<void> {
  try {
    await keepBrokenCopy(fileSystem, directory, file, `${path}.broken`);
  } catch (error) {
    if (!(error instanceof FileError) || error.kind !== 'no-space') throw error;
    await fileSystem.unlink(`${path}.broken`);
  }
}

async function removeTemporaries(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const { name } of await fileSystem.list(directory)) {
    if (isTemporaryName(name)) await fileSystem.unlink(`${directory}/${name}`);
  }
}
