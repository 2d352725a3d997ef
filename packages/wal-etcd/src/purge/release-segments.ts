/**
 * Gives segments back after a purge, oldest first, each durably: a crash never leaves a gap, which
 * nobody could tell from a lost segment. etcd, too, removes them in this order.
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

/** A file that is no part of the log any more. */
interface DispensableFile {
  readonly path: string;
  readonly bytes: number;
}

export class SegmentRemoval {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  /** Oldest first. What could not be removed stays here and is tried first with the next purge. */
  readonly #waiting: DispensableFile[] = [];
  /** The oldest one has lost its name, which is not durable yet. */
  #syncIsOwed = false;

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
      // After one that could not be removed the others stay, too.
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
    if (!this.#syncIsOwed) await this.#fileSystem.unlink(oldestPath);
    this.#syncIsOwed = true;
    // Durable after it: that this one is gone. Only then may the next one go, and so none does
    // after a sync that failed: there is no later one of the directory.
    await this.#fileSystem.syncDirectory(this.#directory);
    this.#syncIsOwed = false;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
    return `files that could not be removed, a later purge does: ${failure}`;
  }
  return first === undefined
    ? undefined
    : `${first.fileName} holds entries from ${firstIndex} on, or the term before them, or a snapshot record`;
}
