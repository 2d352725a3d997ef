/**
 * What the frames of a log add up to, while they are replayed in order. It starts from what the
 * newest segment says of the last purge, so a log whose first segments are gone is replayed like
 * any other.
 *
 * Between the start of the first segment and the first entry that is still needed there can be
 * entries whose beginning was purged with older segments ("ghosts"): all of them were overwritten
 * later, or the purge would have kept those segments. They are passed over, and none may be left at
 * the end.
 */
import { decodeHardState, decodeSnapshotMetadata } from '@babuza/raftpb';
import { LogState, PositionIndex } from '@babuza/wal-core';
import { entryHasData, entryTypeMask, FrameKind } from '../format/frame.ts';
import type { ScannedBatch, ScannedFrame } from './scan.ts';

/** Everything up to `index` is purged; segments below `segmentId` are not needed. */
export interface LogStart {
  readonly index: number;
  readonly term: number;
  readonly segmentId: number;
}

/** A frame or batch that is whole, but cannot follow what was before it. */
export class MisfitError extends Error {
  override readonly name = 'MisfitError';
}

/** What the head of a segment says of the log before it. */
export interface Head {
  readonly start: LogStart;
  readonly tailIndex: number;
  readonly tailTerm: number;
}

export class ReplayedLog {
  readonly state: LogState<PositionIndex>;
  #start: LogStart;
  /** The last ghost, or `undefined` when entries join without a gap. */
  #ghostIndex: number | undefined;
  #headSeen = false;

  constructor(start: LogStart) {
    this.#start = start;
    this.state = new LogState(new PositionIndex(start.index, start.term));
  }

  get start(): LogStart {
    return this.#start;
  }

  get isWhole(): boolean {
    return (
      this.#ghostIndex === undefined && this.state.hardState.commit <= this.state.index.lastIndex
    );
  }

  /** The term of the first entry; that before it where there are none. */
  get firstTerm(): number {
    const { index } = this.state;
    const { term } = this.#start;
    return index.firstIndex > index.lastIndex ? term : (index.term(index.firstIndex) ?? term);
  }

  /** Applies a whole batch of a segment. Returns why it does not fit, or nothing. */
  apply(segmentId: number, batch: ScannedBatch, isHead: boolean): string | undefined {
    try {
      if (isHead) this.#applyHead(batch);
      else for (const frame of batch.frames) this.#applyFrame(segmentId, frame);
      return undefined;
    } catch (error) {
      if (error instanceof MisfitError) return error.message;
      // A body that its checksum calls right but no decoder can read was written wrong, not
      // damaged.
      if (error instanceof Error && 'code' in error) return error.message;
      throw error;
    }
  }

  /** The first batch of the first segment says everything, that of a later one repeats it. */
  #applyHead(batch: ScannedBatch): void {
    const head = headOf(batch);
    const { index } = this.state;
    if (this.#headSeen) {
      const last = this.#ghostIndex ?? index.lastIndex;
      if (Math.max(head.tailIndex, this.#start.index) !== last) {
        throw new MisfitError(
          `the segment continues at ${head.tailIndex}, the log ends at ${last}`,
        );
      }
      // A commit index that was not worth a write of its own is in here for the first time.
      for (const frame of batch.frames) {
        if (frame.kind === FrameKind.HardState)
          this.state.hardState = decodeHardState(bodyOf(frame));
      }
      return;
    }
    this.#headSeen = true;
    if (head.tailIndex > index.lastIndex) this.#ghostIndex = head.tailIndex;
    for (const frame of batch.frames) {
      if (frame.kind === FrameKind.HardState) this.state.hardState = decodeHardState(bodyOf(frame));
      if (frame.kind === FrameKind.Marker && frame.index >= this.#start.index) {
        this.state.restoreMarker(decodeSnapshotMetadata(bodyOf(frame)));
      }
    }
  }

  #applyFrame(segmentId: number, frame: ScannedFrame): void {
    switch (frame.kind) {
      case FrameKind.Entry:
        this.#applyEntry(segmentId, frame);
        return;
      case FrameKind.HardState:
        this.state.hardState = decodeHardState(bodyOf(frame));
        return;
      case FrameKind.Marker:
        this.#applyMarker(segmentId, frame);
        return;
      case FrameKind.Start:
        this.#applyStart(segmentId, frame);
        return;
      case FrameKind.Truncate:
        this.#truncateFrom(frame.index);
        return;
      default:
        throw new MisfitError(`a frame of kind ${frame.kind} inside a batch`);
    }
  }

  #applyEntry(segmentId: number, { index, term, flags, offset }: ScannedFrame): void {
    if ((flags & ~(entryTypeMask | entryHasData)) !== 0 || (flags & entryTypeMask) > 2) {
      throw new MisfitError(`entry ${index} has unknown flags ${flags}`);
    }
    const entries = this.state.index;
    if (index > entries.lastIndex + 1) {
      if (this.#ghostIndex === undefined || index > this.#ghostIndex + 1) {
        throw new MisfitError(`entry ${index} follows entry ${entries.lastIndex}`);
      }
      this.#ghostIndex = index;
      return;
    }
    this.#truncateFrom(index);
    // Purged since: it only shows where the entries above it were overwritten.
    if (index < entries.firstIndex) return;
    // Of the entry at the base only the last version is known; this may be the successor of an
    // older one.
    const before = index > entries.firstIndex ? entries.term(index - 1) : undefined;
    if (before !== undefined && before > term) {
      throw new MisfitError(`entry ${index} has term ${term}, the one before it term ${before}`);
    }
    entries.append(index, term, segmentId, offset);
  }

  #applyMarker(segmentId: number, frame: ScannedFrame): void {
    const marker = decodeSnapshotMetadata(bodyOf(frame));
    if (marker.index !== frame.index || marker.term !== frame.term || frame.flags > 1) {
      throw new MisfitError(`the marker of index ${frame.index} contradicts itself`);
    }
    const resets = frame.flags === 1;
    // Purged since, so the log cannot tell any more what it was: the flag does.
    if (resets && marker.index <= this.#start.index) this.#truncateFrom(marker.index);
    if (marker.index < this.#start.index) return;
    // At the start a marker says nothing of the entries above it, which may be overwritten later.
    const isAtStart = marker.index === this.#start.index;
    if (this.#ghostIndex !== undefined && !resets && !isAtStart) {
      throw new MisfitError(`a marker of index ${marker.index} among entries that are gone`);
    }
    if (resets) this.#ghostIndex = undefined;
    const hasReset = this.state.applyMarker(marker);
    if (hasReset !== (resets && marker.index > this.#start.index)) {
      throw new MisfitError(`the marker of index ${marker.index} does not match the log before it`);
    }
    if (hasReset) this.#start = { index: marker.index, term: marker.term, segmentId };
  }

  #applyStart(currentSegmentId: number, frame: ScannedFrame): void {
    const { segmentId } = startOf(frame);
    // All segments before it are removed after the recovery.
    if (segmentId > currentSegmentId) {
      throw new MisfitError(
        `the log begins in segment ${segmentId}, and this is segment ${currentSegmentId}`,
      );
    }
    if (frame.index <= this.#start.index) {
      this.#start = { ...this.#start, segmentId: Math.max(segmentId, this.#start.segmentId) };
      return;
    }
    if (this.state.index.term(frame.index) !== frame.term) {
      throw new MisfitError(`the log is purged to ${frame.index}, which it does not have`);
    }
    this.state.applyPurge(frame.index);
    this.#start = { index: frame.index, term: frame.term, segmentId };
  }

  #truncateFrom(index: number): void {
    const entries = this.state.index;
    const from = Math.max(index, entries.firstIndex);
    this.#ghostIndex = undefined;
    if (from <= entries.lastIndex) entries.truncateFrom(from);
  }
}

/** Reads the head of a segment. */
export function headOf(batch: ScannedBatch): Head {
  const start = batch.frames.find(({ kind }) => kind === FrameKind.Start);
  const tail = batch.frames.find(({ kind }) => kind === FrameKind.Tail);
  if (start === undefined || tail === undefined) {
    throw new MisfitError('the head of the segment is incomplete');
  }
  return { start: startOf(start), tailIndex: tail.index, tailTerm: tail.term };
}

/** Reads a start frame. */
export function startOf({ index, term, body }: ScannedFrame): LogStart {
  if (body?.length !== 8) throw new MisfitError('a start frame of a wrong length');
  const segmentId = Number(new DataView(body.buffer, body.byteOffset).getBigUint64(0, true));
  return { index, term, segmentId };
}

function bodyOf(frame: ScannedFrame): Uint8Array {
  if (frame.body === undefined) throw new MisfitError('a control frame without a body');
  return frame.body;
}
