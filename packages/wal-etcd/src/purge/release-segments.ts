/**
 * Gives segments back after a purge, oldest first, each durably: a crash never leaves a gap, which nobody could
 * tell from a lost segment. etcd, too, removes them in this order.
 */
import type { File, FileSystem } from '@babuza/vfs';
import type { PurgeReport } from '@babuza/wal-core';
import type { SegmentList } from '@babuza/wal-files';
import type { EtcdSegment } from '../segment/segment.ts';

export interface Release {
  readonly segments: SegmentList<EtcdSegment>;
  /** The first segment that is needed. */
  readonly belowSegmentId: number;
  readonly firstIndex: number;
}

export async function releaseSegments(
  fileSystem: FileSystem,
  directory: string,
  { segments, belowSegmentId, firstIndex }: Release,
): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>> {
  const gone = segments.removeBelow(belowSegmentId);
  let removed = 0;
  let bytesFreed = 0;
  let failure: string | undefined;
  for (const { file, path } of gone) {
    try {
      const bytes = await sizeWhenClosed(file);
      // After one that could not be removed the others stay, too.
      if (failure !== undefined) continue;
      await fileSystem.unlink(path);
      removed += 1;
      bytesFreed += bytes;
      // Durable after it: that this one is gone. Only then may the next one go.
      await fileSystem.syncDirectory(directory);
    } catch (error) {
      failure ??= error instanceof Error ? error.message : String(error);
    }
  }
  return {
    segmentsRemoved: removed,
    segmentsRecycled: 0,
    bytesFreed,
    segmentsKept: segments.count + gone.length - removed,
    heldBy: heldBy(segments.all[0], firstIndex, failure),
  };
}

/** Closed whatever fails: nobody has it any more. */
async function sizeWhenClosed(file: File): Promise<number> {
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

function heldBy(
  first: EtcdSegment | undefined,
  firstIndex: number,
  failure: string | undefined,
): string | undefined {
  if (failure !== undefined) {
    return `files that could not be removed, a later purge after an opening does: ${failure}`;
  }
  return first === undefined
    ? undefined
    : `${first.fileName} holds entries from ${firstIndex} on, or the term before them, or a snapshot record`;
}
