/**
 * Recovers a log that `readLog` has verified: makes the accepted batches durable, cuts the tail,
 * finishes a rotation that a crash interrupted, and removes leftover files. After a crash at any
 * step, the next recovery comes to the same result.
 *
 * The tail is cut by writing a mark after the accepted batches, with a batch number above all that
 * were found. All frames after the mark are stale from then on. This needs no space and creates no
 * file.
 */
import type { File, FileSystem } from '@babuza/vfs';
import { CorruptError, type TailReport } from '@babuza/wal-core';
import { readFailure, translating } from '@babuza/wal-files';
import { commitFrameBytes, endSlotBytes, ownSectorEnd } from '../format/layout.ts';
import { sealBytes } from '../format/seal.ts';
import { sealSegment } from '../segment/seal-segment.ts';
import type { Segment } from '../segment/segment.ts';
import { controlBatch, BatchEncoder } from '../writer/batch-encoder.ts';
import { lastFinding, type LogContents } from './read-log.ts';
import type { SegmentFinding } from './replay-segment.ts';

/**
 * The most bytes of one write when batches are written again. Usually only the last batch is, but a
 * whole segment if syncs were turned off.
 */
const rewriteBytesMax: number = 1024 * 1024;

/** The point at which the next batch is appended. */
export interface AppendPoint {
  readonly segment: Segment;
  readonly end: number;
  /** A number above all batch numbers that were ever used in this segment. */
  readonly nextBatchNumber: number;
  /** The number of the last batch before `end`. */
  readonly lastBatchNumber: number;
  /** The number of entry frames in the segment, for which its footer needs space. */
  readonly entries: number;
  /**
   * The log ends with durable marks that reach into a sector of their own, so `close` needs to
   * write none.
   */
  readonly marked: boolean;
}

export async function recover(
  fileSystem: FileSystem,
  contents: LogContents,
  uncertainTail: 'cut' | 'refuse',
): Promise<{ tail: TailReport; appendPoint: AppendPoint }> {
  const last = lastFinding(contents);
  const tail = tailReport(last);
  refuseUncertain(contents, last, tail, uncertainTail);
  const { segment } = last;
  // The bytes that were read may be in the page cache only. After a killed process the kernel may
  // not have written them yet; after a failed sync it may never write them, and a later sync would
  // not report that. All bytes that new batches rely on must be durable, so they are written again.
  //
  // 1. Sync the names. Otherwise a power cut could remove a segment with batches that are
  //    acknowledged from now on.
  await fileSystem.syncDirectory(contents.directory);
  // 2. Write the batches again that no later frame records as durable. If only the mark of step 4
  //    became durable, a crash would leave a gap.
  await writeAgain(segment.file, last.durableUpTo, last.stop.batchStart);
  // 3. Write the seal that a crash may have interrupted. It must be durable before the last segment
  //    gets another batch.
  const { needsSeal } = contents;
  if (needsSeal !== undefined) {
    await sealSegment(needsSeal.segment, contents.replayed.state.index, {
      framesEnd: segment.header.predecessorEnd,
      lastBatchNumber: needsSeal.stop.lastBatchNumber,
      nextSalt: segment.header.salt,
    });
  }
  // 4. Cut the tail. A crash before leaves the same tail; after it the log is clean.
  const appendPoint = await markEnd(contents.groupId, last);
  // 5. Remove files below the start of the log and files that never became segments. After a crash
  //    they may reappear, and are removed again.
  for (const path of contents.leftovers) await fileSystem.unlink(path);
  if (contents.leftovers.length > 0) await fileSystem.syncDirectory(contents.directory);
  return { tail, appendPoint };
}

/** Writes the bytes from `start` to `end` again, unchanged, and makes them durable. */
async function writeAgain(file: File, start: number, end: number): Promise<void> {
  const buffer = new Uint8Array(Math.max(0, Math.min(end - start, rewriteBytesMax)));
  for (let offset = start; offset < end; offset += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, end - offset));
    await translating(readFailure, () => file.read(piece, offset));
    await file.writeDurable([piece], offset);
  }
}

function refuseUncertain(
  contents: LogContents,
  last: SegmentFinding,
  tail: TailReport,
  uncertainTail: 'cut' | 'refuse',
): void {
  const { groupId } = contents;
  if (tail.verdict === 'uncertain' && uncertainTail === 'refuse') {
    throw new CorruptError(
      `the last batch is damaged and may have been acknowledged: ${last.stop.why}`,
      {
        groupId,
        file: last.segment.path,
        offset: last.stop.batchStart,
        firstIndex: tail.firstIndex,
        lastIndex: tail.lastIndex,
        verdict: 'uncertain',
      },
    );
  }
}

export function tailReport({ segment, stop, afterStop, verdict }: SegmentFinding): TailReport {
  if (verdict !== 'torn' && verdict !== 'uncertain') return { verdict: 'clean', bytesDropped: 0 };
  const { commit } = afterStop;
  // A header that is not empty is dropped as well, even if it cannot be read.
  const slotEnd = stop.offset + (stop.slot === 'empty' ? 0 : endSlotBytes);
  return {
    verdict,
    bytesDropped: Math.max(afterStop.end, slotEnd) - stop.batchStart,
    file: segment.path,
    offset: stop.batchStart,
    firstIndex: (commit?.firstIndex ?? afterStop.firstIndex) || undefined,
    lastIndex: (commit?.lastIndex ?? afterStop.lastIndex) || undefined,
  };
}

async function markEnd(groupId: bigint, finding: SegmentFinding): Promise<AppendPoint> {
  const { segment, stop, afterStop, verdict, entries } = finding;
  const batchNumber = afterStop.batchNumberMax + 1;
  const end = stop.batchStart;
  const markEnds = end + commitFrameBytes;
  // The mark must not use the space of the footer, because the seal would overwrite it.
  const fits = markEnds + endSlotBytes + sealBytes(1, entries) <= segment.header.segmentBytes;
  const clean = verdict === 'end' && finding.endsWithMark;
  if (clean || !fits) {
    const { lastBatchNumber } = stop;
    const marked = clean && finding.marksReachOwnSector;
    return { segment, end, nextBatchNumber: batchNumber, lastBatchNumber, entries, marked };
  }
  const parts = new BatchEncoder(groupId).encode(controlBatch([]), {
    salt: segment.header.salt,
    offset: end,
    batchNumber,
    durableUpTo: end,
  });
  await segment.file.writeDurable(parts, end);
  return {
    segment,
    end: markEnds,
    nextBatchNumber: batchNumber + 1,
    lastBatchNumber: batchNumber,
    entries,
    marked: markEnds >= ownSectorEnd(end),
  };
}
