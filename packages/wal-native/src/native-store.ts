/**
 * Writes a native log: it turns the plans of waiting saves into one batch and appends it to a
 * segment. It starts a new segment when a batch does not fit, writes the marks by which recovery
 * later tells damage from a crash, and releases segments when their entries are purged. `QueuedWal`
 * has checked the plans; `format/` defines the bytes.
 */
import type { HardState } from '@babuza/raftpb';
import type { Timer } from '@babuza/vfs';
import {
  isRefusal,
  type PurgeReport,
  type WalError,
  type WalMetadata,
  type WalStats,
} from '@babuza/wal-core';
import type {
  EntryView,
  LogStore,
  PositionIndex,
  SavePlan,
  WalEventHub,
} from '@babuza/wal-core/backend';
import {
  commitFailure,
  HardStateWrites,
  translating,
  type SegmentList,
  type SpareFiles,
} from '@babuza/wal-files';
import { frameBytes } from './format/frame.ts';
import type { CheckedOptions } from './options.ts';
import { releaseSegments, type Unreleased } from './purge/release-segments.ts';
import type { AppendPoint } from './recovery/recover.ts';
import type { LogStart } from './recovery/replayed-log.ts';
import { sealSegment } from './segment/seal-segment.ts';
import type { Segment } from './segment/segment.ts';
import {
  firstAppendPoint,
  nameSegment,
  syncName,
  type NamedSegment,
} from './writer/create-segment.ts';
import {
  controlBatch,
  batchOf,
  hardStateFrame,
  type Batch,
  type BatchEncoder,
  type EncodedEntries,
} from './writer/batch-encoder.ts';
import { SegmentAppender } from './writer/segment-appender.ts';

export interface NativeStoreParts {
  readonly options: CheckedOptions;
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly view: EntryView<PositionIndex>;
  readonly segments: SegmentList<Segment>;
  readonly spares: SpareFiles;
  readonly encoder: BatchEncoder;
  readonly events: WalEventHub;
  readonly start: LogStart;
  readonly appendPoint: AppendPoint;
  /** Called once, when all files are closed. */
  readonly onClosed: () => void;
}

export class NativeStore implements LogStore {
  readonly #parts: NativeStoreParts;
  #appender: SegmentAppender;
  #start: LogStart;
  readonly #hardStates: HardStateWrites;
  /** The entries of plans that are written but not published yet, in order. */
  #unpublished: EncodedEntries[] = [];
  /**
   * The first needed segment according to the batch in flight. `publish` must use the same value,
   * because recovery reads it from the batch.
   */
  #purgeSegmentId = 1;
  readonly #unreleased: Unreleased = { segments: [], recycled: [] };
  #noFsync = false;
  /**
   * The next segment while the sync of its name is pending. Its header has the end offset of the
   * current segment, so until the sync nothing may be written to the current one, not even a mark.
   */
  #successor: NamedSegment | undefined;
  /**
   * Whether a batch is being written. A mark at that time would use the same buffer and the same
   * offset.
   */
  #busy = false;
  #idleTimer: Timer | undefined;
  #lastWriteMs = 0;
  #idleMark: Promise<void> | undefined;
  #syncs = 0;
  #bytesWritten = 0;

  constructor(parts: NativeStoreParts) {
    this.#parts = parts;
    this.#appender = new SegmentAppender(parts.appendPoint, parts.encoder);
    this.#start = parts.start;
    this.#hardStates = new HardStateWrites(parts.view.state.hardState);
  }

  get stats(): Pick<WalStats, 'syncs' | 'bytesWritten' | 'segments'> {
    return {
      syncs: this.#syncs,
      bytesWritten: this.#bytesWritten,
      segments: this.#parts.segments.count,
    };
  }

  commit(plans: readonly SavePlan[], durable: boolean): Promise<void> | void {
    this.#hardStates.note(plans);
    if (!durable) return undefined;
    this.#purgeSegmentId = this.#firstSegmentNeeded(plans);
    const batch = batchOf(plans, this.#hardStates.unwritten, this.#purgeSegmentId);
    if (batch.frameCount === 0) return this.#appender.hasUnsynced ? this.#datasync() : undefined;
    // Replaces the list, because the previous batch was published completely or refused. A refused
    // batch must leave no entries here.
    this.#unpublished = batch.items.filter((item): item is EncodedEntries => 'entries' in item);
    if (this.#parts.options.inline && this.#mayWriteAtOnce(batch)) {
      this.#writeSync(batch);
      return undefined;
    }
    return this.#write(batch);
  }

  publish(plan: SavePlan): void {
    const { view } = this.#parts;
    view.publish(plan, (entries) => {
      const encoded = this.#unpublished.shift();
      let offset = encoded?.offset ?? 0;
      const { segmentId } = this.#appender.segment;
      for (const entry of entries) {
        view.state.index.append(entry.index, entry.term, segmentId, offset);
        offset += frameBytesOf(entry.data);
      }
    });
    if (plan.resets && plan.marker !== undefined) {
      const { index, term } = plan.marker;
      this.#start = { index, term, segmentId: this.#appender.segment.segmentId };
    }
    if (plan.purgeTo !== undefined) {
      this.#start = { ...plan.purgeTo, segmentId: this.#purgeSegmentId };
    }
  }

  async releasePurged(): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>> {
    const { segments, spares, options, directory } = this.#parts;
    return releaseSegments(options.environment.fileSystem, directory, {
      segments,
      spares,
      belowSegmentId: this.#start.segmentId,
      firstIndex: this.#start.index + 1,
      segmentBytes: options.segmentBytes,
      unreleased: this.#unreleased,
    });
  }

  setUnsafeNoFsync(): void {
    this.#noFsync = true;
  }

  async close(clean: boolean): Promise<void> {
    this.#stopMarks();
    await this.#idleMark;
    const { spares, segments, onClosed } = this.#parts;
    try {
      await spares.close();
      if (clean) await this.#writeClosingMark();
    } finally {
      await this.#successor?.segment.file.close().catch(() => undefined);
      await translating(commitFailure, () => segments.closeAll()).finally(onClosed);
    }
  }

  /**
   * Whether the batch can be written on the calling thread, because one write is all that is
   * needed.
   */
  #mayWriteAtOnce(batch: Batch): boolean {
    const isIdle = this.#idleMark === undefined && this.#successor === undefined;
    return isIdle && this.#appender.fits(batch);
  }

  /**
   * The segment of the first entry that the purges in these plans keep. A lower segment would be
   * correct as well, but releases less.
   */
  #firstSegmentNeeded(plans: readonly SavePlan[]): number {
    const purge = plans.findLast(({ purgeTo }) => purgeTo !== undefined)?.purgeTo;
    return purge === undefined ? this.#start.segmentId : this.#segmentOf(purge.index + 1);
  }

  #segmentOf(index: number): number {
    const { index: entries } = this.#parts.view.state;
    return index <= entries.lastIndex
      ? entries.runOf(index).segmentId
      : this.#appender.segment.segmentId;
  }

  async #write(batch: Batch): Promise<void> {
    this.#busy = true;
    try {
      await this.#idleMark;
      if (this.#successor !== undefined) await this.#takeOver(this.#successor);
      if (!this.#appender.fits(batch)) await this.#rotate(batch);
      await this.#appender.append(batch, !this.#noFsync);
      this.#afterWrite(batch);
    } catch (cause) {
      const error = this.#failure(cause);
      // The hard state was refused with the batch. Otherwise the next batch, a mark or the close
      // would write it.
      if (isRefusal(error)) this.#hardStates.undo();
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  #writeSync(batch: Batch): void {
    try {
      this.#appender.appendSync(batch, !this.#noFsync);
    } catch (error) {
      throw this.#failure(error);
    }
    this.#afterWrite(batch);
  }

  /**
   * Translates a failure. Unless the batch was refused without effect, the log must not write any
   * more, including marks.
   */
  #failure(cause: unknown): WalError {
    const error = commitFailure(cause);
    if (!isRefusal(error)) this.#stopMarks();
    return error;
  }

  #stopMarks(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
  }

  #afterWrite(batch: Batch): void {
    const { options, spares, segments } = this.#parts;
    if (!this.#noFsync) this.#syncs += 1;
    this.#bytesWritten += batch.bytes;
    const { unwritten } = this.#hardStates;
    if (unwritten !== undefined) this.#hardStates.markWritten(unwritten);
    const { header } = this.#appender.segment;
    if (this.#appender.end > header.segmentBytes / 2) {
      spares.prepareAhead((segments.last?.segmentId ?? 0) + 1, options.segmentBytes);
    }
    this.#lastWriteMs = options.environment.clock.monotonicMs();
    this.#idleTimer ??= this.#startIdleTimer(options.idleMarkMs);
  }

  async #datasync(): Promise<void> {
    try {
      await this.#appender.datasync();
    } catch (error) {
      throw this.#failure(error);
    }
    this.#syncs += 1;
  }

  /** Starts a new segment because the batch does not fit. Nothing of the batch is written yet. */
  async #rotate(batch: Batch): Promise<void> {
    const { options, directory, groupId, metadata, view, spares, encoder } = this.#parts;
    const { segment: full, end, nextBatchNumber } = this.#appender;
    if (this.#appender.hasUnsynced) await this.#datasync();
    const salt = differentSalt(options.environment.random.uint32(), full.header.salt);
    this.#successor = await nameSegment(
      {
        environment: options.environment,
        directory,
        groupId,
        metadata,
        segmentBytes: options.segmentBytes,
        segmentId: full.header.segmentId + 1,
        salt,
        predecessor: {
          salt: full.header.salt,
          end,
          nextBatchSequence: full.header.baseBatchSequence + nextBatchNumber,
        },
        state: view.state,
        start: this.#start,
        batch,
      },
      spares,
      encoder,
    );
    await this.#takeOver(this.#successor);
  }

  /**
   * Makes the name of the next segment durable, seals the full one, and appends to the next one
   * from now on.
   */
  async #takeOver(successor: NamedSegment): Promise<void> {
    const { options, directory, groupId, view, encoder, segments, events } = this.#parts;
    const { segment } = successor;
    await syncName(options.environment, directory);
    this.#successor = undefined;
    segments.add(segment);
    const { segment: full, end, lastBatchNumber } = this.#appender;
    // The seal is written only when the name of the successor is durable, so a sealed newest
    // segment always means that a segment is missing.
    const nextSalt = segment.header.salt;
    await sealSegment(full, view.state.index, { framesEnd: end, lastBatchNumber, nextSalt });
    this.#appender = new SegmentAppender(firstAppendPoint(successor), encoder);
    events.emit({ type: 'rotated', groupId, file: segment.path });
  }

  #startIdleTimer(delayMs: number): Timer {
    const { clock } = this.#parts.options.environment;
    return clock.startTimer(delayMs, () => {
      const idleMs = clock.monotonicMs() - this.#lastWriteMs;
      const { idleMarkMs } = this.#parts.options;
      const isBusy = this.#busy || this.#successor !== undefined;
      if (isBusy || idleMs < idleMarkMs) {
        this.#idleTimer = this.#startIdleTimer(isBusy ? idleMarkMs : idleMarkMs - idleMs);
        return;
      }
      this.#idleTimer = undefined;
      this.#idleMark = this.#writeIdleMark().finally(() => {
        this.#idleMark = undefined;
      });
    });
  }

  /**
   * A failure is ignored: the mark only helps a later recovery, and the next write meets the same
   * failure.
   */
  async #writeIdleMark(): Promise<void> {
    const hardState = this.#hardStates.unwritten;
    const frames = hardState === undefined ? [] : [hardStateFrame(hardState)];
    await this.#appender.writeIdleMark(frames).catch(() => undefined);
  }

  /** Makes everything durable, and with marks the fact that no write was in flight at the close. */
  async #writeClosingMark(): Promise<void> {
    const hardState = this.#hardStates.unwritten;
    if (this.#appender.marked && hardState === undefined) return;
    try {
      if (this.#successor !== undefined) await this.#takeOver(this.#successor);
      if (this.#appender.hasUnsynced) await this.#appender.datasync();
      if (hardState !== undefined) await this.#writeLastHardState(hardState);
      await this.#appender.appendMarks();
    } catch (error) {
      throw commitFailure(error);
    }
  }

  async #writeLastHardState(hardState: HardState): Promise<void> {
    const batch = controlBatch([hardStateFrame(hardState)]);
    if (this.#appender.fitsMark(batch)) await this.#appender.append(batch, true);
    // The head of the next segment has the hard state as well.
    else await this.#rotate(batch);
  }
}

function frameBytesOf(data: Uint8Array | undefined): number {
  return frameBytes(data?.length ?? 0);
}

function differentSalt(salt: number, before: number): number {
  return salt === before ? (salt + 1) >>> 0 : salt;
}
