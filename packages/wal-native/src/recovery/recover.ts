/**
 * Acts on what `read-log` found: makes durable what is accepted, cuts what is not, finishes a
 * rotation that a crash interrupted, and removes files that nobody needs. A crash at any point of
 * it leads to the same findings again.
 *
 * Cutting is writing: a mark at the end of the accepted batches, with a batch number above all that
 * were ever seen. What lies behind it is stale from then on. No space is needed and no file is
 * created.
 */
import type { File, FileSystem } from '@babuza/vfs';
import { CorruptError, type TailReport } from '@babuza/wal-core';
import { readFailure, translating } from '@babuza/wal-files';
import { commitFrameBytes, endSlotBytes, ownSectorEnd } from '../format/layout.ts';
import { sealBytes } from '../format/seal.ts';
import { sealSegment } from '../segment/seal-segment.ts';
import type { Segment } from '../segment/segment.ts';
import { controlGroup, GroupEncoder } from '../writer/group-encoder.ts';
import { lastFinding, type LogContents, type SegmentFinding } from './read-log.ts';

/**
 * What is written again at a time; usually one batch, a whole segment where syncs were turned off.
 */
const rewriteBytesMax: number = 1024 * 1024;

/** Where the next batch goes. */
export interface AppendPoint {
  readonly segment: Segment;
  readonly end: number;
  /** Above all numbers that were ever used in this segment. */
  readonly nextBatchNumber: number;
  /** The number of the last batch before `end`. */
  readonly lastBatchNumber: number;
  /** Frames of entries that the segment has: its footer will need room for so many. */
  readonly entries: number;
  /**
   * The log ends with durable marks that reach into a sector of their own: a close needs no more.
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
  // What was read may be in the memory of the kernel only: after a killed process not written yet,
  // after a failed sync never to be written, and no sync would tell. What is built on must be
  // durable.
  // 1. The names. Without it a power cut takes a segment with all that will be acknowledged in it.
  await fileSystem.syncDirectory(contents.directory);
  // 2. The frames that no later frame has testified to, written again as they are: were the mark of
  //    step 4 durable and they were not, a crash would leave a hole.
  await writeAgain(segment.file, last.durableUpTo, last.stop.batchStart);
  // 3. The successor exists, so the seal is due before anything else is written to it.
  const { needsSeal } = contents;
  if (needsSeal !== undefined) {
    await sealSegment(needsSeal.segment, contents.replayed.state.index, {
      framesEnd: segment.header.predecessorEnd,
      lastBatchNumber: needsSeal.stop.lastBatchNumber,
      nextSalt: segment.header.salt,
    });
  }
  // 4. Now the cut. A crash before leaves the same tail, a crash after finds the log clean.
  const appendPoint = await markEnd(contents.groupId, last);
  // 5. Files below the start of the log, and those that never became segments. They may come back.
  for (const path of contents.leftovers) await fileSystem.unlink(path);
  if (contents.leftovers.length > 0) await fileSystem.syncDirectory(contents.directory);
  return { tail, appendPoint };
}

/** Durable after it: the bytes from `start` to `end`. A crash before it leaves each as it was. */
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

export function tailReport({ segment, stop, behind, verdict }: SegmentFinding): TailReport {
  if (verdict !== 'torn' && verdict !== 'uncertain') return { verdict: 'clean', bytesDropped: 0 };
  const { commit } = behind;
  // A slot that is not empty is dropped too, even if nothing of it can be read.
  const slotEnd = stop.offset + (stop.slot === 'empty' ? 0 : endSlotBytes);
  return {
    verdict,
    bytesDropped: Math.max(behind.end, slotEnd) - stop.batchStart,
    file: segment.path,
    offset: stop.batchStart,
    firstIndex: (commit?.firstIndex ?? behind.firstIndex) || undefined,
    lastIndex: (commit?.lastIndex ?? behind.lastIndex) || undefined,
  };
}

async function markEnd(groupId: bigint, finding: SegmentFinding): Promise<AppendPoint> {
  const { segment, stop, behind, verdict, entries } = finding;
  const batchNumber = behind.batchNumberMax + 1;
  const end = stop.batchStart;
  const markEnds = end + commitFrameBytes;
  // The footer needs its place: the seal would overwrite what lies there.
  const fits = markEnds + endSlotBytes + sealBytes(1, entries) <= segment.header.segmentBytes;
  const clean = verdict === 'end' && finding.endsWithMark;
  if (clean || !fits) {
    const { lastBatchNumber } = stop;
    const marked = clean && finding.marksReachOwnSector;
    return { segment, end, nextBatchNumber: batchNumber, lastBatchNumber, entries, marked };
  }
  const parts = new GroupEncoder(groupId).encode(controlGroup([]), {
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
