/**
 * Reads the frames of one segment in order and hands over each whole batch. It stops at the first
 * place that is not one and says what it saw there; what that means is for `verdict.ts`. Nothing is
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
import {
  commitBodyBytes,
  frameAlignmentBytes,
  frameHeaderBytes,
  framesStart,
} from '../format/layout.ts';

/** One frame of a batch that is being collected. */
export interface ScannedFrame {
  readonly kind: number;
  readonly flags: number;
  readonly index: number;
  readonly term: number;
  readonly offset: number;
  /** The bodies of control frames; payloads of entries are not kept. */
  readonly body: Uint8Array | undefined;
}

export interface ScannedBatch {
  readonly frames: readonly ScannedFrame[];
  readonly commit: CommitBody;
  readonly batchNumber: number;
  /** Where the batch starts, and where the next one would. */
  readonly start: number;
  readonly end: number;
}

/** Where a scan stopped. */
export interface ScanStop {
  /** The start of the batch that is not whole: everything before is accepted. */
  readonly batchStart: number;
  /** The frame in question. */
  readonly offset: number;
  readonly slot: 'empty' | 'header' | 'garbage';
  readonly bodyOk: boolean;
  readonly fits: boolean;
  readonly why: string;
  /** Of the last batch that was accepted; −1 where there is none. */
  readonly lastBatchNumber: number;
}

export interface ScanRequest {
  readonly file: Pick<File, 'read'>;
  readonly salt: number;
  /** Frames lie below this offset: the footer or the end of the file. */
  readonly limit: number;
  readonly groupId: bigint;
}

/**
 * Scans until `limit` or until something is not a whole batch. `onBatch` returns why a batch does
 * not fit what came before it, or nothing; at one that does not fit the scan stops.
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

/** Reads frames from `start` on until a commit frame closes them, or something else ends it. */
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
      return stop({ slot: 'header', bodyOk: true, why: 'a frame of another group' });
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
        why: 'a commit frame that closes other frames',
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
  empty: { slot: 'empty', bodyOk: false, why: 'no frame' },
  // What a cut left behind: later batches have higher numbers, so it is as good as an empty slot.
  stale: { slot: 'empty', bodyOk: false, why: 'a frame from before the last batch' },
  cut: { slot: 'empty', bodyOk: false, why: 'the end of the space for frames' },
  garbage: { slot: 'garbage', bodyOk: false, why: 'no valid frame header' },
  broken: { slot: 'header', bodyOk: false, why: 'a frame with a wrong length or checksum' },
  'other-batch': { slot: 'header', bodyOk: false, why: 'a frame of another batch' },
};

/**
 * Reads and verifies the frame at `offset` into `header`. Answers with a number when so many bytes
 * from `offset` on have to be loaded first.
 */
function readFrame(
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
  // Every commit frame has the same length, and what follows reads that many bytes.
  if (header.kind === FrameKind.Commit && header.bodyBytes !== commitBodyBytes) return 'broken';
  if (!window.has(offset, bytes)) return bytes;
  const wholesome = frameChecksum(window.bytes, at, seed, header.bodyBytes) === header.checksum;
  return wholesome ? 'ok' : 'broken';
}

function bodyOf(bytes: Uint8Array, at: number, header: FrameHeader): Uint8Array {
  const start = at + frameHeaderBytes;
  return bytes.slice(start, start + header.bodyBytes);
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** What lies behind a stop. */
export interface Behind {
  /** The start of a batch that a later frame says to be durable; the largest such offset. */
  readonly durableUpTo: number;
  /** How many valid frames start behind the offset of the stop. */
  readonly frames: number;
  /** The commit frame of the batch that the scan stopped in. */
  readonly commit: CommitBody | undefined;
  /** The end of the last valid frame; the offset of the stop where there is none. */
  readonly end: number;
  /** At least that of the last accepted batch: frames of the one that was stopped in count, too. */
  readonly batchNumberMax: number;
  /** The lowest and highest entries that are seen behind, 0 where there are none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** What there is where nothing is behind a stop. */
export function nothingBehind(stop: ScanStop): Behind {
  return {
    durableUpTo: 0,
    frames: 0,
    commit: undefined,
    end: stop.offset,
    batchNumberMax: stop.lastBatchNumber,
    firstIndex: 0,
    lastIndex: 0,
  };
}

/**
 * Looks for frames of this segment behind a stop, at every place where one can start. Frames of
 * batches up to the last accepted one are stale and do not count.
 */
export async function lookBehind(request: ScanRequest, stop: ScanStop): Promise<Behind> {
  const window = new ScanWindow(request.file, request.limit);
  const header = newFrameHeader();
  const seen: Writable<Behind> = nothingBehind(stop);
  const note = (index: number): void => {
    if (index === 0) return;
    seen.firstIndex = seen.firstIndex === 0 ? index : Math.min(seen.firstIndex, index);
    seen.lastIndex = Math.max(seen.lastIndex, index);
  };
  // From the start of the batch: its frames before the stop say which entries it held.
  let offset = stop.batchStart;
  for (;;) {
    offset = skipZeros(window, offset);
    const frame = readFrame(window, request, offset, header);
    if (typeof frame === 'number') {
      if (await window.load(offset, frame)) continue;
      // What is left of the space, or of the file, is shorter than a frame.
      break;
    }
    if (frame !== 'ok' || header.batchNumber <= stop.lastBatchNumber) {
      offset += frameAlignmentBytes;
      continue;
    }
    const at = offset - window.start;
    if (offset > stop.offset) seen.frames += 1;
    seen.batchNumberMax = Math.max(seen.batchNumberMax, header.batchNumber);
    if (header.kind === FrameKind.Entry) note(header.index);
    if (header.kind === FrameKind.Commit) {
      const commit = readCommitBody(window.view, at + frameHeaderBytes);
      seen.durableUpTo = Math.max(seen.durableUpTo, commit.durableUpTo);
      if (commit.batchStart === stop.batchStart) seen.commit = commit;
      note(commit.firstIndex);
      note(commit.lastIndex);
    }
    offset += frameBytes(header.bodyBytes);
    seen.end = Math.max(seen.end, offset);
  }
  await window.close();
  return seen;
}

/** The next offset in the window where not all of a header's word with the kind is zero. */
function skipZeros(window: ScanWindow, from: number): number {
  const { view, start, end } = window;
  let offset = from;
  // Byte 23 of a header is its kind, which is never zero.
  while (offset + frameHeaderBytes <= end && view.getUint8(offset - start + 23) === 0) {
    offset += frameAlignmentBytes;
  }
  return offset;
}
