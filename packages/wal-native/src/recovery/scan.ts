/**
 * Reads the frames of one segment in order and passes on each complete batch. It stops at the first
 * offset without one and reports what is there; `verdict.ts` decides what that means. Nothing is
 * changed.
 */
import type { File } from '@babuza/vfs';
import { ScanWindow } from '@babuza/wal-files';
import { frameSeed } from '../format/checksum.ts';
import {
  continueBatchChecksum,
  emptyBatchChecksum,
  frameBytes,
  frameChecksum,
  FrameKind,
  groupWords,
  isEmptySlot,
  newFrameHeader,
  readCommitBody,
  readFrameHeader,
  type CommitBody,
  type FrameHeader,
} from '../format/frame.ts';
import { commitBodyBytes, frameHeaderBytes, framesStart } from '../format/layout.ts';

/** One frame of a batch. */
export interface ScannedFrame {
  readonly kind: number;
  readonly flags: number;
  readonly index: number;
  readonly term: number;
  readonly offset: number;
  /** The body of a control frame; `undefined` for an entry, whose payload is not kept. */
  readonly body: Uint8Array | undefined;
}

export interface ScannedBatch {
  readonly frames: readonly ScannedFrame[];
  readonly commit: CommitBody;
  readonly batchNumber: number;
  /** The offset of the first frame. */
  readonly start: number;
  /** The offset after the commit frame, where the next batch starts. */
  readonly end: number;
}

/** The point at which a scan stopped, and the reason. */
export interface ScanStop {
  /** The start of the incomplete batch. Everything before it is accepted. */
  readonly batchStart: number;
  /** The offset of the frame at which the scan stopped. */
  readonly offset: number;
  readonly slot: 'empty' | 'header' | 'garbage';
  readonly bodyOk: boolean;
  readonly fits: boolean;
  readonly why: string;
  /** The number of the last accepted batch; −1 if no batch was accepted. */
  readonly lastBatchNumber: number;
}

export interface ScanRequest {
  readonly file: Pick<File, 'read'>;
  readonly salt: number;
  /**
   * All frames end at or below this offset: the end of the frames if it is known, otherwise the
   * start of the trailer.
   */
  readonly limit: number;
  readonly groupId: bigint;
}

/**
 * Scans up to `limit` or to the first offset without a complete batch. `onBatch` returns a reason
 * if a batch does not fit the ones before it; then the scan stops.
 */
export async function scanSegment(
  request: ScanRequest,
  onBatch: (batch: ScannedBatch) => string | undefined,
): Promise<ScanStop> {
  const window = new ScanWindow(request.file, request.limit);
  try {
    return await scanBatches(window, request, onBatch);
  } finally {
    await window.close();
  }
}

async function scanBatches(
  window: ScanWindow,
  request: ScanRequest,
  onBatch: (batch: ScannedBatch) => string | undefined,
): Promise<ScanStop> {
  let lastBatchNumber = -1;
  let batchStart = framesStart;
  for (;;) {
    const collected = await collectBatch(window, request, batchStart, lastBatchNumber);
    if ('slot' in collected) return collected;
    const why = onBatch(collected);
    if (why !== undefined) {
      return {
        batchStart,
        offset: batchStart,
        slot: 'header',
        bodyOk: true,
        fits: false,
        why,
        lastBatchNumber,
      };
    }
    lastBatchNumber = collected.batchNumber;
    batchStart = collected.end;
  }
}

/**
 * Reads the frames from `start` on up to a commit frame, or up to a frame that is not part of the
 * batch.
 */
async function collectBatch(
  window: ScanWindow,
  request: ScanRequest,
  start: number,
  lastBatchNumber: number,
): Promise<ScannedBatch | ScanStop> {
  const header = newFrameHeader();
  const { groupLow, groupHigh } = groupWords(request.groupId);
  const frames: ScannedFrame[] = [];
  let batchChecksum = emptyBatchChecksum;
  let batchNumber: number | undefined;
  let offset = start;
  const stop = (facts: Pick<ScanStop, 'slot' | 'bodyOk' | 'why'>): ScanStop => ({
    batchStart: start,
    offset,
    fits: false,
    ...facts,
    lastBatchNumber,
  });
  for (;;) {
    let seen: SeenFrame | number = readFrame(window, request, offset, header);
    while (typeof seen === 'number') {
      seen = (await window.load(offset, seen)) ? readFrame(window, request, offset, header) : 'cut';
    }
    if (seen === 'ok' && header.batchNumber <= lastBatchNumber) seen = 'stale';
    if (seen === 'ok' && batchNumber !== undefined && header.batchNumber !== batchNumber) {
      seen = 'other-batch';
    }
    if (seen !== 'ok') return stop(meaning[seen]);
    if (header.groupLow !== groupLow || header.groupHigh !== groupHigh) {
      return stop({ slot: 'header', bodyOk: true, why: 'the frame belongs to another group' });
    }
    batchNumber = header.batchNumber;
    const at = offset - window.start;
    const end = offset + frameBytes(header.bodyBytes);
    if (header.kind === FrameKind.Commit) {
      const commit = readCommitBody(window.view, at + frameHeaderBytes);
      const right =
        commit.batchStart === start &&
        commit.frameCount === frames.length &&
        commit.batchChecksum === batchChecksum;
      if (right) return { frames, commit, batchNumber, start, end };
      return stop({
        slot: 'header',
        bodyOk: false,
        why: 'the commit frame does not match the frames before it',
      });
    }
    batchChecksum = continueBatchChecksum(batchChecksum, header.checksum);
    frames.push({
      kind: header.kind,
      flags: header.flags,
      index: header.index,
      term: header.term,
      offset,
      body: header.kind === FrameKind.Entry ? undefined : bodyOf(window.bytes, at, header),
    });
    offset = end;
  }
}

type Unreadable = 'empty' | 'garbage' | 'broken' | 'stale' | 'other-batch' | 'cut';
type SeenFrame = 'ok' | Unreadable;

const meaning: Record<Unreadable, Pick<ScanStop, 'slot' | 'bodyOk' | 'why'>> = {
  empty: { slot: 'empty', bodyOk: false, why: 'there is no frame' },
  // A frame of a batch that was cut: later batches have higher numbers. It counts as an empty slot.
  stale: { slot: 'empty', bodyOk: false, why: 'the frame is older than the last batch' },
  cut: { slot: 'empty', bodyOk: false, why: 'the space for frames ends here' },
  garbage: { slot: 'garbage', bodyOk: false, why: 'the frame header is not valid' },
  broken: { slot: 'header', bodyOk: false, why: 'the frame has a wrong length or checksum' },
  'other-batch': { slot: 'header', bodyOk: false, why: 'the frame belongs to another batch' },
};

/**
 * Reads and verifies the frame at `offset` into `header`. Returns a number if that many bytes from
 * `offset` on have to be loaded first.
 */
export function readFrame(
  window: ScanWindow,
  { salt, limit }: ScanRequest,
  offset: number,
  header: FrameHeader,
): 'ok' | 'empty' | 'garbage' | 'broken' | number {
  if (!window.has(offset, frameHeaderBytes)) return frameHeaderBytes;
  const at = offset - window.start;
  const seed = frameSeed(salt, offset);
  if (!readFrameHeader(window.view, at, seed, header)) {
    return isEmptySlot(window.view, at) ? 'empty' : 'garbage';
  }
  const bytes = frameBytes(header.bodyBytes);
  if (offset + bytes > limit) return 'broken';
  // Every commit frame has the same length, which `readCommitBody` relies on.
  if (header.kind === FrameKind.Commit && header.bodyBytes !== commitBodyBytes) return 'broken';
  if (!window.has(offset, bytes)) return bytes;
  const intact = frameChecksum(window.bytes, at, seed, header.bodyBytes) === header.checksum;
  return intact ? 'ok' : 'broken';
}

function bodyOf(bytes: Uint8Array, at: number, header: FrameHeader): Uint8Array {
  const start = at + frameHeaderBytes;
  return bytes.slice(start, start + header.bodyBytes);
}
