/** Lists the segments of a directory, and chooses the ones that etcd would read. */
import type { FileSystem } from '@babuza/vfs';
import { NotFoundError, type CorruptError } from '@babuza/wal-core';
import { hasSegmentSuffix, parseSegmentName, type SegmentName } from '../format/segment-name.ts';
import { damage } from './damage.ts';

/** Returns all segments in the order of their names. */
export async function listSegments(
  fileSystem: FileSystem,
  directory: string,
): Promise<SegmentName[]> {
  const names: SegmentName[] = [];
  for (const { name } of await fileSystem.list(directory)) {
    const segment = parseSegmentName(name);
    if (segment !== undefined) names.push(segment);
  }
  return names;
}

/** Whether etcd would find a log here (`wal.Exist`). */
export async function hasSegments(fileSystem: FileSystem, directory: string): Promise<boolean> {
  const entries = await fileSystem.list(directory);
  return entries.some(({ name }) => hasSegmentSuffix(name));
}

/**
 * Returns the segments that must be read to start at a snapshot: from the last one whose index is
 * not above that of the snapshot. Their numbers must be consecutive; like etcd, it does not check
 * the segment after number 0.
 *
 * @throws NotFoundError when there is no such segment, CorruptError (`missing-segment`) when there
 * is a gap
 */
export function segmentsFrom(
  directory: string,
  names: readonly SegmentName[],
  snapshotIndex: bigint,
): readonly SegmentName[] {
  const first = names.findLastIndex(({ firstIndex }) => firstIndex <= snapshotIndex);
  if (first === -1) {
    throw new NotFoundError(
      `${directory} has no segment that begins at or before index ${snapshotIndex}`,
    );
  }
  const chosen = names.slice(first);
  const gap = gapIn(directory, chosen);
  if (gap !== undefined) throw gap;
  return chosen;
}

function gapIn(directory: string, names: readonly SegmentName[]): CorruptError | undefined {
  let last = 0n;
  for (const { sequence, fileName } of names) {
    if (last !== 0n && sequence !== last + 1n) {
      return damage('missing-segment', `segment ${last + 1n} is missing before this one`, {
        file: `${directory}/${fileName}`,
      });
    }
    last = sequence;
  }
  return undefined;
}
