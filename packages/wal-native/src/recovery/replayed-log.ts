/**
 * Replays the frames of a log in order and keeps the resulting state. It begins at the start of the
 * log according to the newest segment, so a log whose first segments were purged is replayed like
 * any other.
 *
 * The first segment may contain entries that continue a sequence whose beginning was purged with
 * older segments. All of them were overwritten later, or the purge would have kept those segments.
 * They are skipped, and at the end of the replay no skipped entry may be part of the log.
 */
import { decodeHardState, decodeSnapshotMetadata } from '@babuza/raftpb';
import { LogState, PositionIndex } from '@babuza/wal-core/backend';
import { entryHasData, entryTypeMask, FrameKind } from '../format/frame.ts';
import type { ScannedBatch, ScannedFrame } from './scan.ts';

/**
 * The start of a log: everything up to `index` is purged, and segments below `segmentId` are not
 * needed.
 */
export interface LogStart {
  readonly index: number;
  readonly term: number;
  readonly segmentId: number;
}

/** Thrown for a frame or batch that is intact but cannot follow the frames before it. */
export class MisfitError extends Error {
  override readonly name = 'MisfitError';
}

/** The state of the log before a segment, according to its head. */
export interface Head {
  readonly start: LogStart;
  readonly tailIndex: number;
  readonly tailTerm: number;
}

export class ReplayedLog {
  readonly state: LogState<PositionIndex>;
  #start: LogStart;
  /** The index of the last skipped entry, or `undefined` if there is no gap. */
  #skippedIndex: number | undefined;
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
      this.#skippedIndex === undefined && this.state.hardState.commit <= this.state.index.lastIndex
    );
  }

  /** The term of the first entry; if there is no entry, the term at the start of the log. */
  get firstTerm(): number {
    const { index } = this.state;
    const { term } = this.#start;
    return index.firstIndex > index.lastIndex ? term : (index.term(index.firstIndex) ?? term);
  }

  /** Applies a batch. Returns the reason if it does not fit. */
  apply(segmentId: number, batch: ScannedBatch, isHead: boolean): string | undefined {
    try {
      if (isHead) this.#applyHead(batch);
      else for (const frame of batch.frames) this.#applyFrame(segmentId, frame);
      return undefined;
    } catch (error) {
      if (error instanceof MisfitError) return error.message;
      // A body with a right checksum that cannot be decoded was not damaged but written that way.
      if (error instanceof Error && 'code' in error) return error.message;
      throw error;
    }
  }

  /**
   * Applies the head of a segment. The first head sets the whole state; a later one repeats it and
   * is only checked, except for its hard state.
   */
  #applyHead(batch: ScannedBatch): void {
    const head = headOf(batch);
    const { index } = this.state;
    if (this.#headSeen) {
      const last = this.#skippedIndex ?? index.lastIndex;
      if (Math.max(head.tailIndex, this.#start.index) !== last) {
        throw new MisfitError(
          `the segment continues at ${head.tailIndex}, the log ends at ${last}`,
        );
      }
      // The head may be the first batch with a commit index that was not written on its own.
      for (const frame of batch.frames) {
        if (frame.kind === FrameKind.HardState)
          this.state.hardState = decodeHardState(bodyOf(frame));
      }
      return;
    }
    this.#headSeen = true;
    if (head.tailIndex > index.lastIndex) this.#skippedIndex = head.tailIndex;
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
        throw new MisfitError(`a frame of kind ${frame.kind} is not allowed inside a batch`);
    }
  }

  #applyEntry(segmentId: number, { index, term, flags, offset }: ScannedFrame): void {
    if ((flags & ~(entryTypeMask | entryHasData)) !== 0 || (flags & entryTypeMask) > 2) {
      throw new MisfitError(`entry ${index} has unknown flags ${flags}`);
    }
    const entries = this.state.index;
    if (index > entries.lastIndex + 1) {
      if (this.#skippedIndex === undefined || index > this.#skippedIndex + 1) {
        throw new MisfitError(`entry ${index} follows entry ${entries.lastIndex}`);
      }
      this.#skippedIndex = index;
      return;
    }
    this.#truncateFrom(index);
    // The entry was purged later. It only truncates the entries above it.
    if (index < entries.firstIndex) return;
    // The start of the log has only the last version of the entry before the first one, and this
    // entry may follow an older version. So the first entry is not checked here.
    const before = index > entries.firstIndex ? entries.term(index - 1) : undefined;
    if (before !== undefined && before > term) {
      throw new MisfitError(`entry ${index} has term ${term}, the one before it term ${before}`);
    }
    entries.append(index, term, segmentId, offset);
  }

  #applyMarker(segmentId: number, frame: ScannedFrame): void {
    const marker = decodeSnapshotMetadata(bodyOf(frame));
    if (marker.index !== frame.index || marker.term !== frame.term || frame.flags > 1) {
      throw new MisfitError(`the marker at index ${frame.index} does not match its frame header`);
    }
    const resets = frame.flags === 1;
    // The log was purged past the marker later, so only the flag tells that the marker reset the
    // log.
    if (resets && marker.index <= this.#start.index) this.#truncateFrom(marker.index);
    if (marker.index < this.#start.index) return;
    // A marker at the start of the log is compatible with any entries above it, including skipped
    // ones.
    const isAtStart = marker.index === this.#start.index;
    if (this.#skippedIndex !== undefined && !resets && !isAtStart) {
      throw new MisfitError(`the marker at index ${marker.index} follows entries that are gone`);
    }
    if (resets) this.#skippedIndex = undefined;
    const hasReset = this.state.applyMarker(marker);
    if (hasReset !== (resets && marker.index > this.#start.index)) {
      throw new MisfitError(`the marker at index ${marker.index} does not match the log before it`);
    }
    if (hasReset) this.#start = { index: marker.index, term: marker.term, segmentId };
  }

  #applyStart(currentSegmentId: number, frame: ScannedFrame): void {
    const { segmentId } = startOf(frame);
    // A start in a later segment would make recovery remove this one.
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
    this.#skippedIndex = undefined;
    if (from <= entries.lastIndex) entries.truncateFrom(from);
  }
}

/** Decodes the head of a segment. */
export function headOf(batch: ScannedBatch): Head {
  const start = batch.frames.find(({ kind }) => kind === FrameKind.Start);
  const tail = batch.frames.find(({ kind }) => kind === FrameKind.Tail);
  if (start === undefined || tail === undefined) {
    throw new MisfitError('the head of the segment is incomplete');
  }
  return { start: startOf(start), tailIndex: tail.index, tailTerm: tail.term };
}

/** Decodes a start frame. */
export function startOf({ index, term, body }: ScannedFrame): LogStart {
  if (body?.length !== 8) throw new MisfitError('the body of a start frame has a wrong length');
  const segmentId = Number(new DataView(body.buffer, body.byteOffset).getBigUint64(0, true));
  return { index, term, segmentId };
}

function bodyOf(frame: ScannedFrame): Uint8Array {
  if (frame.body === undefined) throw new MisfitError('a control frame has no body');
  return frame.body;
}
