/**
 * Removes or recycles segments after a purge. The new start of the log is durable already, so a
 * crash may leave any of these files; the next opening removes files below the start.
 */
import { FileError, type FileSystem } from '@babuza/vfs';
import type { PurgeReport } from '@babuza/wal-core';
import type { Segment } from '../segment/segment.ts';
import type { SegmentList, SpareFiles } from '@babuza/wal-files';

export interface Release {
  readonly segments: SegmentList<Segment>;
  readonly spares: SpareFiles;
  /** The first segment that is still needed. */
  readonly belowSegmentId: number;
  readonly firstIndex: number;
  readonly segmentBytes: number;
  /** Files of earlier releases that could not be removed. */
  readonly unreleased: Unreleased;
}

/** Files that a release could not remove or recycle. The next release tries again. */
export interface Unreleased {
  readonly segments: Segment[];
  /** Files that were renamed, and whose new names are not durable yet. */
  readonly recycled: { readonly path: string; readonly bytes: number }[];
}

export async function releaseSegments(
  fileSystem: FileSystem,
  directory: string,
  release: Release,
): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>> {
  const { segments, spares, belowSegmentId, unreleased } = release;
  const { recycled } = unreleased;
  const recycledBefore = recycled.length;
  const gone = [...unreleased.segments.splice(0), ...segments.removeBelow(belowSegmentId)];
  const failures: string[] = [];
  let removed = 0;
  let bytesFreed = 0;
  for (const segment of gone) {
    const { segmentBytes: bytes, segmentId } = segment.header;
    try {
      await segment.file.close();
      if (bytes === release.segmentBytes && recycled.length < spares.wanted) {
        const path = spares.recycledPath(segmentId);
        await fileSystem.rename(segment.path, path);
        recycled.push({ path, bytes });
      } else {
        await fileSystem.unlink(segment.path);
        removed += 1;
      }
      bytesFreed += bytes;
    } catch (error) {
      unreleased.segments.push(segment);
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  const segmentsRecycled = recycled.length - recycledBefore;
  if (gone.length > 0 || recycled.length > 0) {
    try {
      // After this sync the new names are durable. Nothing may be written to a recycled file
      // before, because a crash could then show the new bytes under the name of the old segment.
      await fileSystem.syncDirectory(directory);
      for (const { path, bytes } of recycled.splice(0)) spares.addRecycled(path, bytes);
    } catch (error) {
      // After a failed sync it is unknown which names are durable, so these files are not reused.
      // The next opening removes them.
      if (!(error instanceof FileError) || !error.isTransient) recycled.length = 0;
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  return {
    segmentsRemoved: removed,
    segmentsRecycled,
    bytesFreed,
    segmentsKept: segments.count,
    heldBy: heldBy(segments.all, release.firstIndex, failures),
  };
}

function heldBy(
  kept: readonly Segment[],
  firstIndex: number,
  failures: readonly string[],
): string | undefined {
  if (failures.length > 0) {
    return `some files could not be removed yet; the next purge or opening removes them: ${failures.join('; ')}`;
  }
  const first = kept[0];
  return first === undefined
    ? undefined
    : `${first.fileName} holds entries from ${firstIndex} on, or is being written`;
}
