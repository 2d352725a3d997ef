/**
 * The store of a log in etcd's format. It writes commit batches as records in the order of etcd's
 * `WAL.Save`: first the entries, then the hard state. A snapshot marker is written before them,
 * followed by a hard state that covers it, because etcd accepts a snapshot record only with such a
 * hard state. `QueuedWal` has checked the batches before. `WalWriter` decides when a segment is
 * full, as etcd does.
 */
import { encodeHardState, type Entry, type HardState } from '@babuza/raftpb';
import {
  isRefusal,
  WriteFailedError,
  type PurgeReport,
  type WalError,
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
import { RecordType } from './format/layout.ts';
import { encodeEtcdSnapshot } from './format/messages.ts';
import type { CheckedOptions } from './options.ts';
import { SegmentRemoval } from './purge/release-segments.ts';
import type { LogStart } from './recovery/replayed-log.ts';
import type { EtcdEntryReader } from './segment/entry-reader.ts';
import type { EtcdSegment } from './segment/segment.ts';
import { rewriteLog } from './writer/rewrite-log.ts';
import type { WalWriter, WriterMark } from './writer/wal-writer.ts';

export interface EtcdStoreParts {
  readonly options: CheckedOptions;
  readonly directory: string;
  readonly groupId: bigint;
  readonly view: EntryView<PositionIndex>;
  readonly segments: SegmentList<EtcdSegment>;
  readonly spares: SpareFiles;
  readonly reader: EtcdEntryReader;
  readonly writer: WalWriter;
  readonly start: LogStart;
  readonly events: WalEventHub;
  /** Called once, after all files are closed. */
  readonly onClosed: () => void;
}

/** Consecutive entries from `firstIndex` on, and the positions at which they were written. */
interface WrittenEntries {
  readonly firstIndex: number;
  readonly positions: readonly number[];
}

export class EtcdStore implements LogStore {
  readonly #parts: EtcdStoreParts;
  #start: LogStart;
  readonly #hardStates: HardStateWrites;
  /** Entries that are written but not published yet, in the order of their plans. */
  #unpublished: WrittenEntries[] = [];
  /** The segment that holds the records of the current commit batch. */
  #segmentId = 0;
  /** The last index of the log, including the plans that were added so far. */
  #lastIndex = 0;
  readonly #removal: SegmentRemoval;
  #noFsync = false;
  #syncs = 0;
  #bytesWritten = 0;

  constructor(parts: EtcdStoreParts) {
    this.#parts = parts;
    this.#start = parts.start;
    this.#hardStates = new HardStateWrites(parts.view.state.hardState);
    this.#removal = new SegmentRemoval(parts.options.environment.fileSystem, parts.directory);
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
    const { writer, options, view } = this.#parts;
    const mark = writer.mark();
    this.#unpublished = [];
    this.#segmentId = writer.segment.segmentId;
    this.#lastIndex = view.state.index.lastIndex;
    return options.inline && !plans.some(dropsOnly)
      ? this.#writeInline(plans, mark)
      : this.#write(plans, mark);
  }

  publish(plan: SavePlan): void {
    const { view } = this.#parts;
    const { purgeTo } = plan;
    if (purgeTo !== undefined) this.#notePurge(purgeTo.index);
    view.publish(plan, (entries) => this.#indexEntries(entries));
    if (dropsOnly(plan)) this.#indexRewritten();
    if (plan.resets) this.#start = { segmentId: this.#segmentId, position: undefined };
  }

  releasePurged(): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>> {
    const { segments, view } = this.#parts;
    // A snapshot is recorded after the entries that it covers. So every snapshot record at or above
    // the start is in the segment of the start or in a later one, and the earlier segments are not
    // needed.
    const belowSegmentId = this.#start.segmentId;
    const { firstIndex } = view.state.index;
    return this.#removal.release({ segments, belowSegmentId, firstIndex });
  }

  setUnsafeNoFsync(): void {
    this.#noFsync = true;
  }

  async close(clean: boolean): Promise<void> {
    const { spares, segments, writer, onClosed } = this.#parts;
    try {
      await spares.close();
      if (clean) {
        this.#addUnwrittenHardState();
        await translating(commitFailure, () => writer.flush(true));
      }
    } finally {
      await translating(commitFailure, () => segments.closeAll()).finally(onClosed);
    }
  }

  /** Writes on the calling thread, if one write is enough for the commit batch. */
  #writeInline(plans: readonly SavePlan[], mark: WriterMark): Promise<void> | void {
    const { writer } = this.#parts;
    for (const plan of plans) this.#addPlan(plan);
    this.#addUnwrittenHardState();
    if (!writer.fitsOneWrite) return this.#finish(mark);
    const bytes = writer.pendingBytes;
    try {
      writer.flushSync(!this.#noFsync);
    } catch (error) {
      throw this.#refused(error, mark);
    }
    this.#afterWrite(bytes);
    return undefined;
  }

  async #write(plans: readonly SavePlan[], mark: WriterMark): Promise<void> {
    try {
      for (const plan of plans) {
        this.#addPlan(plan);
        if (dropsOnly(plan)) await this.#dropFrom(plan.truncateFrom ?? 0);
      }
      this.#addUnwrittenHardState();
    } catch (error) {
      throw this.#refused(error, mark);
    }
    await this.#finish(mark);
  }

  /** Writes the records of the commit batch. */
  async #finish(mark: WriterMark): Promise<void> {
    const { writer } = this.#parts;
    const bytes = writer.pendingBytes;
    if (bytes === 0 && !writer.hasUnsynced) return;
    try {
      await (writer.isFull ? this.#cut() : writer.flush(!this.#noFsync));
    } catch (error) {
      throw this.#refused(error, mark);
    }
    this.#afterWrite(bytes);
  }

  #afterWrite(bytes: number): void {
    const { writer, spares, options } = this.#parts;
    if (!this.#noFsync) this.#syncs += 1;
    this.#bytesWritten += bytes;
    if (writer.end <= options.segmentBytes / 2) return;
    spares.prepareAhead(writer.segment.segmentId + 1, options.segmentBytes);
  }

  /**
   * Undoes a refused commit batch. If a part of it stayed in memory, the next write or the close
   * would make it durable.
   */
  #refused(cause: unknown, mark: WriterMark): WalError {
    const error = commitFailure(cause);
    const { writer } = this.#parts;
    if (!isRefusal(error)) return error;
    if (writer.hasWrittenSince(mark)) {
      return new WriteFailedError('a part of the batch was written before it failed', error);
    }
    writer.rollBack(mark);
    this.#hardStates.undo();
    return error;
  }

  #addPlan({ marker, entries, hardState, resets }: SavePlan): void {
    const { writer } = this.#parts;
    if (marker !== undefined) {
      const { index, term, confState } = marker;
      const snapshot = { index: BigInt(index), term: BigInt(term), confState };
      writer.add(RecordType.Snapshot, encodeEtcdSnapshot(snapshot));
      this.#coverMarker(index, hardState);
      if (resets) this.#lastIndex = index;
    }
    if (entries.length > 0) {
      const positions = entries.map((entry) => writer.addEntry(entry));
      this.#unpublished.push({ firstIndex: entries[0]?.index ?? 0, positions });
      this.#lastIndex = entries.at(-1)?.index ?? 0;
    }
    // The hard state follows the entries of its own plan, not those of the whole commit batch. So a
    // crash leaves a prefix of complete batches, and at most one incomplete batch after them.
    if (hardState !== undefined && !this.#hardStates.isWritten(hardState)) {
      this.#addHardState(hardState);
    }
  }

  /**
   * Entries that follow a marker must not be there without the hard state that makes the marker
   * valid.
   */
  #coverMarker(index: number, next: HardState | undefined): void {
    const { term, vote } = next ?? this.#hardStates.written;
    const { commit } = this.#hardStates.written;
    if (index > commit) this.#addHardState({ term, vote, commit: index });
  }

  /**
   * Drops the entries from `index` on without a replacement. The last remaining entry is recorded
   * again: for this code and for etcd, a repeated entry drops all entries above it. But etcd
   * ignores entries that its snapshot covers. If no entry remains above the newest marker, the
   * whole log is written again.
   */
  async #dropFrom(index: number): Promise<void> {
    const { view, reader, writer, segments, directory, options } = this.#parts;
    const { state } = view;
    const last = index - 1;
    this.#lastIndex = last;
    const { position, segmentId } = this.#start;
    if (last > (state.markers.at(-1)?.index ?? 0)) {
      if (last > state.baseIndex) {
        const [entry] = reader.read(last, index, Infinity);
        if (entry === undefined) throw new RangeError(`entry ${last} must be in the log`);
        this.#unpublished.push({ firstIndex: last, positions: [writer.addEntry(entry)] });
        return;
      }
      if (position !== undefined) {
        writer.addEntry(reader.readAt(segmentId, position, last));
        return;
      }
    }
    const hardState = this.#hardStates.written;
    const { fileSystem } = options.environment;
    const log = { directory, writer, segments, reader, state, start: this.#start };
    const { start, positions } = await rewriteLog(fileSystem, log, last, hardState);
    this.#start = start;
    this.#segmentId = start.segmentId;
    this.#unpublished.push({ firstIndex: state.baseIndex + 1, positions });
  }

  #addUnwrittenHardState(): void {
    const { unwritten } = this.#hardStates;
    if (unwritten !== undefined) this.#addHardState(unwritten);
  }

  #addHardState(hardState: HardState): void {
    this.#parts.writer.add(RecordType.State, encodeHardState(hardState));
    this.#hardStates.markWritten(hardState);
  }

  /** Writes the commit batch to the end of this segment and starts the next segment. */
  async #cut(): Promise<void> {
    const { writer, segments, events, groupId } = this.#parts;
    const next = {
      firstIndex: BigInt(this.#lastIndex + 1),
      hardState: encodeHardState(this.#hardStates.written),
    };
    await writer.cut(next, !this.#noFsync);
    segments.add(writer.segment);
    events.emit({ type: 'rotated', groupId, file: writer.segment.path });
  }

  #indexEntries(entries: readonly Entry[]): void {
    const positions = this.#unpublished.shift()?.positions ?? [];
    const { index } = this.#parts.view.state;
    for (const [at, entry] of entries.entries()) {
      index.append(entry.index, entry.term, this.#segmentId, positions[at] ?? 0);
    }
  }

  /** Gives new positions to entries that the log already has and that were recorded again. */
  #indexRewritten(): void {
    const written = this.#unpublished.shift();
    if (written === undefined || written.positions.length === 0) return;
    const { index } = this.#parts.view.state;
    const { firstIndex, positions } = written;
    const terms = positions.map((_, at) => index.term(firstIndex + at) ?? 0);
    index.truncateFrom(firstIndex);
    for (const [at, position] of positions.entries()) {
      index.append(firstIndex + at, terms[at] ?? 0, this.#segmentId, position);
    }
  }

  #notePurge(index: number): void {
    const { state } = this.#parts.view;
    if (index <= state.baseIndex) return;
    const run = state.index.runOf(index);
    this.#start = { segmentId: run.segmentId, position: run.offsetOf(index) };
  }
}

/** Whether the plan only drops entries, as that of `discardUncommitted` does. */
function dropsOnly({ truncateFrom, entries }: SavePlan): boolean {
  return truncateFrom !== undefined && entries.length === 0;
}
