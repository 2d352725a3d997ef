/**
 * Removes segments after a purge. The oldest segment goes first, and each removal is made durable
 * before the next one. A crash therefore never leaves a gap, which recovery could not distinguish
 * from a lost segment. etcd removes its segments in the same order.
 */
import type { File, FileSystem } from '@babuza/vfs';
import type { PurgeReport } from '@babuza/wal-core';
import type { SegmentList } from '@babuza/wal-files';
import type { EtcdSegment } from '../segment/segment.ts';

export interface Release {
  readonly segments: SegmentList<EtcdSegment>;
  /** Segments below this id are not needed. */
  readonly belowSegmentId: number;
  readonly firstIndex: number;
}

/** A file that does not belong to the log any more. */
interface DispensableFile {
  readonly path: string;
  readonly bytes: number;
}

export class SegmentRemoval {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  /**
   * Files that are not removed yet, oldest first. After a failure they stay here until the next
   * purge.
   */
  readonly #waiting: DispensableFile[] = [];
  /** Whether the oldest file is unlinked, but the directory is not synced yet. */
  #syncIsPending = false;

  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  async release({
    segments,
    belowSegmentId,
    firstIndex,
  }: Release): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>> {
    let failure: string | undefined;
    for (const { file, path } of segments.removeBelow(belowSegmentId)) {
      const bytes = await sizeWhenClosed(file).catch((error: unknown) => {
        failure ??= textOf(error);
        return 0;
      });
      this.#waiting.push({ path, bytes });
    }
    let removed = 0;
    let bytesFreed = 0;
    try {
      for (let oldest = this.#waiting[0]; oldest !== undefined; oldest = this.#waiting[0]) {
        await this.#remove(oldest.path);
        this.#waiting.shift();
        bytesFreed += oldest.bytes;
        removed += 1;
      }
    } catch (error) {
      // If one file could not be removed, the newer ones must stay too.
      failure ??= textOf(error);
    }
    return {
      segmentsRemoved: removed,
      segmentsRecycled: 0,
      bytesFreed,
      segmentsKept: segments.count + this.#waiting.length,
      heldBy: heldBy(segments.all[0], firstIndex, failure),
    };
  }

  async #remove(oldestPath: string): Promise<void> {
    if (!this.#syncIsPending) await this.#fileSystem.unlink(oldestPath);
    this.#syncIsPending = true;
    // The removal must be durable before the next file is removed. After a failed sync the file
    // system refuses all later syncs of the directory, so no further file is removed.
    await this.#fileSystem.syncDirectory(this.#directory);
    this.#syncIsPending = false;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Closes the file even when its size cannot be read. */
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
    return `some files could not be removed and will be removed by a later purge: ${failure}`;
  }
  return first === undefined
    ? undefined
    : `${first.fileName} holds entry ${firstIndex}, the term before it, or a snapshot record`;
}
