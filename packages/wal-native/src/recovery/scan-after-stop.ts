/**
 * Searches the rest of a segment for valid frames after a scan has stopped. They prove whether the
 * bytes at the stop had been durable.
 */
import { ScanWindow } from '@babuza/wal-files';
import {
  frameBytes,
  FrameKind,
  newFrameHeader,
  readCommitBody,
  type CommitBody,
} from '../format/frame.ts';
import { frameAlignmentBytes, frameHeaderBytes } from '../format/layout.ts';
import { readFrame, type ScanRequest, type ScanStop } from './scan.ts';

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** The valid frames from the incomplete batch on. */
export interface AfterStop {
  /** The largest offset up to which these frames record the segment as durable. */
  readonly durableUpTo: number;
  /** The number of valid frames after the offset of the stop. */
  readonly frames: number;
  /** The commit frame of the incomplete batch. */
  readonly commit: CommitBody | undefined;
  /** The end of the last valid frame; the offset of the stop if there is no such frame. */
  readonly end: number;
  /**
   * The highest batch number of these frames, including frames of the incomplete batch; at least
   * that of the last accepted batch.
   */
  readonly batchNumberMax: number;
  /** The lowest entry in these frames, or 0. */
  readonly firstIndex: number;
  /** The highest entry in these frames, or 0. */
  readonly lastIndex: number;
}

/** The result if there is no valid frame. */
export function nothingAfterStop(stop: ScanStop): AfterStop {
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
 * Searches the rest of the segment for valid frames, at every offset where a frame can start.
 * Frames of batches up to the last accepted one are stale and do not count.
 */
export async function scanAfterStop(request: ScanRequest, stop: ScanStop): Promise<AfterStop> {
  const window = new ScanWindow(request.file, request.limit);
  const header = newFrameHeader();
  const seen: Writable<AfterStop> = nothingAfterStop(stop);
  const note = (index: number): void => {
    if (index === 0) return;
    seen.firstIndex = seen.firstIndex === 0 ? index : Math.min(seen.firstIndex, index);
    seen.lastIndex = Math.max(seen.lastIndex, index);
  };
  // Begins at the start of the incomplete batch, because its frames before the stop name some of
  // its entries.
  let offset = stop.batchStart;
  for (;;) {
    offset = skipZeros(window, offset);
    const frame = readFrame(window, request, offset, header);
    if (typeof frame === 'number') {
      if (await window.load(offset, frame)) continue;
      // The rest of the space, or of the file, is shorter than a frame.
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

/** The next offset in the window at which the byte of the frame kind is not zero. */
function skipZeros(window: ScanWindow, from: number): number {
  const { view, start, end } = window;
  let offset = from;
  // Byte 23 of a header is the kind, which is never zero.
  while (offset + frameHeaderBytes <= end && view.getUint8(offset - start + 23) === 0) {
    offset += frameAlignmentBytes;
  }
  return offset;
}
