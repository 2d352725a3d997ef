/**
 * The storing half of a native log: groups of plans become batches in segments. It decides when a
 * new segment is due, writes the marks that later tell damage from a crash, and gives segments back
 * when their entries are purged. What a batch may contain was decided before (`QueuedWal`), what is
 * on disk is decided in `format/`.
 */
import type { HardState } from '@babuza/raftpb';
import type { Timer } from '@babuza/vfs';
import {
  isRefusal,
  type EntryView,
  type LogStore,
  type PositionIndex,
  type PurgeReport,
  type SavePlan,
  type WalError,
  type WalEventHub,
  type WalMetadata,
  type WalStats,
} from '@babuza/wal-core';
import { commitFailure, translating, type SegmentList, type SpareFiles } from '@babuza/wal-files';
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
  controlGroup,
  groupOf,
  hardStateFrame,
  type Group,
  type GroupEncoder,
  type PlacedEntries,
} from './writer/group-encoder.ts';
import { SegmentAppender } from './writer/segment-appender.ts';

export interface NativeStoreParts {
  readonly options: CheckedOptions;
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly view: EntryView<PositionIndex>;
  readonly segments: SegmentList<Segment>;
  readonly spares: SpareFiles;
  readonly encoder: GroupEncoder;
  readonly events: WalEventHub;
  readonly start: LogStart;
  readonly appendPoint: AppendPoint;
  /** Called once, when everything is closed. */
  readonly onClosed: () => void;
}

export class NativeStore implements LogStore {
  readonly #parts: NativeStoreParts;
  #appender: SegmentAppender;
  #start: LogStart;
  /** The hard state of the last batch, and a newer one that was not worth a write yet. */
  #writtenHardState: HardState;
  #unwrittenHardState: HardState | undefined;
  /** Entries of the plans that are written but not published yet, in order. */
  #placed: PlacedEntries[] = [];
  /**
   * What the batch under way says of the first segment needed: what is released must be the same.
   */
  #purgeSegmentId = 1;
  readonly #unreleased: Unreleased = { segments: [], recycled: [] };
  #noFsync = false;
  /**
   * The next segment, while the sync of its name is owed. It says where this one ends, so nothing
   * may be written before the sync, not even a mark.
   */
  #successor: NamedSegment | undefined;
  /** A batch is being written: a mark now would share its buffer and its place in the file. */
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
    this.#writtenHardState = parts.view.state.hardState;
  }

  get stats(): Pick<WalStats, 'syncs' | 'bytesWritten' | 'segments'> {
    return {
      syncs: this.#syncs,
      bytesWritten: this.#bytesWritten,
      segments: this.#parts.segments.count,
    };
  }

  commit(plans: readonly SavePlan[], durable: boolean): Promise<void> | void {
    const unwrittenBefore = this.#unwrittenHardState;
    for (const { hardState } of plans) if (hardState !== undefined) this.#noteHardState(hardState);
    if (!durable) return undefined;
    this.#purgeSegmentId = this.#firstSegmentNeeded(plans);
    const group = groupOf(plans, this.#unwrittenHardState, this.#purgeSegmentId);
    if (group.frameCount === 0) return this.#appender.hasUnsynced ? this.#datasync() : undefined;
    // All before was published, or refused: of a refused group nothing may stay.
    this.#placed = group.items.filter((item): item is PlacedEntries => 'entries' in item);
    if (this.#parts.options.inline && this.#mayWriteAtOnce(group)) {
      this.#writeSync(group);
      return undefined;
    }
    return this.#write(group, unwrittenBefore);
  }

  publish(plan: SavePlan): void {
    const { view } = this.#parts;
    view.publish(plan, (entries) => {
      const placed = this.#placed.shift();
      let offset = placed?.offset ?? 0;
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

  /** On the calling thread: nothing but one write of this group is to be done. */
  #mayWriteAtOnce(group: Group): boolean {
    const isIdle = this.#idleMark === undefined && this.#successor === undefined;
    return isIdle && this.#appender.fits(group);
  }

  #noteHardState(hardState: HardState): void {
    const { term, vote, commit } = this.#writtenHardState;
    const same = hardState.term === term && hardState.vote === vote && hardState.commit === commit;
    this.#unwrittenHardState = same ? undefined : hardState;
  }

  /**
   * The segment that holds the first entry which a purge in this group keeps; a lower one is fine.
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

  async #write(group: Group, unwrittenBefore: HardState | undefined): Promise<void> {
    this.#busy = true;
    try {
      await this.#idleMark;
      if (this.#successor !== undefined) await this.#takeOver(this.#successor);
      if (!this.#appender.fits(group)) await this.#rotate(group);
      await this.#appender.append(group, !this.#noFsync);
      this.#afterWrite(group);
    } catch (cause) {
      const error = this.#failure(cause);
      // Refused with the group: else the next batch, a mark or the close would write it after all.
      if (isRefusal(error)) this.#unwrittenHardState = unwrittenBefore;
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  #writeSync(group: Group): void {
    try {
      this.#appender.appendSync(group, !this.#noFsync);
    } catch (error) {
      throw this.#failure(error);
    }
    this.#afterWrite(group);
  }

  /** After anything but a refusal the log writes nothing more, marks included. */
  #failure(cause: unknown): WalError {
    const error = commitFailure(cause);
    if (!isRefusal(error)) this.#stopMarks();
    return error;
  }

  #stopMarks(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
  }

  #afterWrite(group: Group): void {
    const { options, spares, segments } = this.#parts;
    if (!this.#noFsync) this.#syncs += 1;
    this.#bytesWritten += group.bytes;
    if (this.#unwrittenHardState !== undefined) this.#writtenHardState = this.#unwrittenHardState;
    this.#unwrittenHardState = undefined;
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

  /** A group does not fit: the next segment takes over. Nothing of the group is written yet. */
  async #rotate(group: Group): Promise<void> {
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
        group,
      },
      spares,
      encoder,
    );
    await this.#takeOver(this.#successor);
  }

  /**
   * The name of the next segment becomes durable, then the full one is sealed and the next one
   * takes the batches.
   */
  async #takeOver(successor: NamedSegment): Promise<void> {
    const { options, directory, groupId, view, encoder, segments, events } = this.#parts;
    const { segment } = successor;
    await syncName(options.environment, directory);
    this.#successor = undefined;
    segments.add(segment);
    const { segment: full, end, lastBatchNumber } = this.#appender;
    // Only after the successor's name is durable: a sealed segment without one is always damage.
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

  /** It only helps a later recovery to tell: if it fails, the next write will find out. */
  async #writeIdleMark(): Promise<void> {
    const hardState = this.#unwrittenHardState;
    const frames = hardState === undefined ? [] : [hardStateFrame(hardState)];
    await this.#appender.writeIdleMark(frames).catch(() => undefined);
  }

  /** Durable after it: everything, and that nothing more was under way. */
  async #writeClosingMark(): Promise<void> {
    const hardState = this.#unwrittenHardState;
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
    const group = controlGroup([hardStateFrame(hardState)]);
    if (this.#appender.fitsMark(group)) await this.#appender.append(group, true);
    // The head of the next segment says it, too.
    else await this.#rotate(group);
  }
}

function frameBytesOf(data: Uint8Array | undefined): number {
  return frameBytes(data?.length ?? 0);
}

function differentSalt(salt: number, before: number): number {
  return salt === before ? (salt + 1) >>> 0 : salt;
}
