/** Scans and replays one segment, and decides how its frames end. */
import { FrameKind } from '../format/frame.ts';
import { ownSectorEnd, trailerBytes } from '../format/layout.ts';
import type { Segment } from '../segment/segment.ts';
import type { ReplayedLog } from './replayed-log.ts';
import { nothingAfterStop, scanAfterStop, type AfterStop } from './scan-after-stop.ts';
import { scanSegment, type ScanRequest, type ScanStop } from './scan.ts';
import { verdictOf, type Facts, type VerdictName } from './verdict.ts';

/** The result of scanning one segment. */
export interface SegmentFinding {
  readonly segment: Segment;
  readonly batches: number;
  /** The number of entry frames, including entries that were superseded later. */
  readonly entries: number;
  readonly stop: ScanStop;
  /**
   * Everything below this offset was durable, according to the commit frames of the accepted
   * batches.
   */
  readonly durableUpTo: number;
  readonly afterStop: AfterStop;
  readonly facts: Facts;
  readonly verdict: VerdictName;
  /** The last batch is a mark, so everything before it is known to be durable. */
  readonly endsWithMark: boolean;
  /**
   * The marks at the end reach into a sector of their own, so that losing one sector cannot remove
   * all of them.
   */
  readonly marksReachOwnSector: boolean;
}

/** The part of a segment to scan for frames. */
export function requestFor(segment: Segment, groupId: bigint, next?: Segment): ScanRequest {
  const { salt, segmentBytes } = segment.header;
  const limit =
    next?.header.predecessorEnd ?? segment.seal?.framesEnd ?? segmentBytes - trailerBytes;
  return { file: segment.file, salt, limit, groupId };
}

/** Scans one segment and applies its batches to `replayed`. `next` is the segment after it. */
export async function replaySegment(
  segment: Segment,
  next: Segment | undefined,
  replayed: ReplayedLog,
  groupId: bigint,
): Promise<SegmentFinding> {
  let batches = 0;
  let entries = 0;
  /** The start of the marks at the end, after the last batch with frames. */
  let marksFrom: number | undefined;
  let endsWithMark = false;
  let marksReachOwnSector = false;
  let durableUpTo = segment.header.headEnd;
  const request = requestFor(segment, groupId, next);
  const stop = await scanSegment(request, (batch) => {
    const misfit = replayed.apply(segment.header.segmentId, batch, batches === 0);
    if (misfit !== undefined) return misfit;
    batches += 1;
    for (const frame of batch.frames) if (frame.kind === FrameKind.Entry) entries += 1;
    durableUpTo = Math.max(durableUpTo, batch.commit.durableUpTo);
    marksFrom = batch.frames.length === 0 ? (marksFrom ?? batch.start) : undefined;
    endsWithMark = marksFrom !== undefined && batch.commit.durableUpTo >= marksFrom;
    marksReachOwnSector = marksFrom !== undefined && batch.end >= ownSectorEnd(marksFrom);
    return undefined;
  });
  const marks = { endsWithMark, marksReachOwnSector };
  const found = { segment, batches, entries, stop, durableUpTo, ...marks };
  const openEnded = next === undefined && segment.seal === undefined;
  if (!openEnded && stop.batchStart === request.limit) {
    const afterStop = nothingAfterStop(stop);
    return { ...found, afterStop, facts: factsOf(stop, afterStop, false), verdict: 'end' };
  }
  const afterStop = await scanAfterStop(request, stop);
  const headDurable = stop.batchStart < segment.header.headEnd;
  const facts = factsOf(stop, afterStop, openEnded, headDurable);
  return { ...found, afterStop, facts, verdict: verdictOf(facts) };
}

function factsOf(
  stop: ScanStop,
  afterStop: AfterStop,
  openEnded: boolean,
  headDurable = false,
): Facts {
  const pending = stop.offset > stop.batchStart;
  const knownDurable = headDurable || afterStop.durableUpTo > stop.batchStart;
  const commitOk = afterStop.commit !== undefined;
  return {
    openEnded,
    slot: stop.slot,
    bodyOk: stop.bodyOk,
    fits: stop.fits,
    commitOk,
    knownDurable,
    framesFollow: pending || knownDurable || commitOk || afterStop.frames > 0,
  };
}
