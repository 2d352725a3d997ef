/**
 * Appends records to the last segment of a log and begins the next one when it is full. Records are
 * encoded into memory; `flush` and `cut` write them.
 *
 * Invariant: everything below `end` is whole records; the file is zeros behind it, as far as it
 * goes.
 */
import type { Entry } from '@babuza/raftpb';
import { FileError, type Environment } from '@babuza/vfs';
import { isRefusal, NoSpaceError } from '@babuza/wal-core';
import { prepareFailure, stepFailure, type SpareFile, type SpareFiles } from '@babuza/wal-files';
import { bytesBetweenSyncsMax, pageBytes, RecordType } from '../format/layout.ts';
import { segmentName } from '../format/segment-name.ts';
import { segmentOf, type EtcdSegment } from '../segment/segment.ts';
import { PageWriter } from './page-writer.ts';
import { RecordEncoder, type EncoderMark } from './record-encoder.ts';

/** Where the next record goes. */
export interface AppendPoint {
  readonly segment: EtcdSegment;
  readonly end: number;
  /** The length of the file: what lies behind `end` is zeros. */
  readonly fileBytes: number;
  readonly checksum: number;
  /** The last record of the segment; `startOfSegment` where there is none. */
  readonly lastOffset: number;
}

/** A state to go back to. */
export interface WriterMark {
  readonly encoder: EncoderMark;
  readonly lastOffset: number;
  /** The segment and its end, which tell whether anything was written since. */
  readonly segment: EtcdSegment;
  readonly end: number;
}

/** What the head of the next segment says. */
export interface NextSegment {
  /** The index in its name: of the first entry that it is expected to have. */
  readonly firstIndex: bigint;
  /** The encoded hard state, where there is one to repeat. */
  readonly hardState: Uint8Array | undefined;
  /**
   * Adds what belongs to its head besides: the segment gets its name only when all of it is
   * durable.
   */
  readonly addRecords?: (() => Promise<void>) | undefined;
}

/** The last steps of a change to the next segment, whose head is durable. */
interface OwedName {
  readonly from: string;
  readonly to: string;
  /** The file has its name, which is not durable yet. */
  isRenamed: boolean;
}

export interface WalWriterParts {
  readonly environment: Environment;
  readonly directory: string;
  /** The length that a new segment is made with. It must hold its head. */
  readonly segmentBytes: number;
  /** Repeated at the head of each segment; absent and empty differ. */
  readonly metadata: Uint8Array | undefined;
  readonly spares: SpareFiles;
}

export class WalWriter {
  readonly #parts: WalWriterParts;
  readonly #encoder: RecordEncoder;
  #segment: EtcdSegment;
  #end: number;
  /** The length that the file has unless records lie beyond it. */
  #fileBytes: number;
  #lastOffset: number;
  #unsynced = false;
  /** While the name of the segment is owed nothing is written to it. */
  #owedName: OwedName | undefined;

  constructor(parts: WalWriterParts, point: AppendPoint) {
    this.#parts = parts;
    this.#segment = point.segment;
    this.#end = point.end;
    this.#fileBytes = point.fileBytes;
    this.#lastOffset = point.lastOffset;
    this.#encoder = new RecordEncoder(point.checksum, new PageWriter(point.end));
  }

  get segment(): EtcdSegment {
    return this.#segment;
  }

  get end(): number {
    return this.#end;
  }

  /** Bytes of records that wait to be written. */
  get pendingBytes(): number {
    return this.#encoder.bytes;
  }

  /** Written, but not synced. */
  get hasUnsynced(): boolean {
    return this.#unsynced;
  }

  /**
   * etcd would begin another segment with the save that waits; its records still belong to this
   * one.
   */
  get isFull(): boolean {
    return this.#encoder.pages.fileOffset >= this.#parts.segmentBytes;
  }

  /** What waits fits into the file, and one write is enough. */
  get fitsOneWrite(): boolean {
    const { bytes } = this.#encoder;
    const fits = this.#end + bytes <= this.#fileBytes && bytes <= bytesBetweenSyncsMax;
    const isReady = this.#owedName === undefined && !this.isFull;
    return bytes !== 0 && fits && isReady;
  }

  /** Adds an entry, and returns its position for the index: that of the record before it. */
  addEntry(entry: Entry): number {
    const previous = this.#lastOffset;
    this.#lastOffset = this.#end + this.#encoder.bytes;
    this.#encoder.addEntry(entry);
    return previous;
  }

  /** The same for any other record, or an entry that is encoded already. */
  add(type: number, data: Uint8Array | undefined): number {
    const previous = this.#lastOffset;
    this.#lastOffset = this.#end + this.#encoder.bytes;
    this.#encoder.add(type, data);
    return previous;
  }

  /** Only while nothing waits. */
  mark(): WriterMark {
    return {
      encoder: this.#encoder.mark(),
      lastOffset: this.#lastOffset,
      segment: this.#segment,
      end: this.#end,
    };
  }

  /** Whether anything was written since the mark, so that going back to it is impossible. */
  hasWrittenSince({ segment, end }: WriterMark): boolean {
    return this.#segment !== segment || this.#end !== end;
  }

  /** Drops the records that were added since the mark. None of them may have been written. */
  rollBack(mark: WriterMark): void {
    this.#encoder.rollBack(mark.encoder);
    this.#lastOffset = mark.lastOffset;
  }

  /**
   * Writes what waits. Durable after it, where `durable` is set: all records so far; a crash just
   * before leaves any part of them. Throws `NoSpaceError` and `TryAgainError` only if the file is
   * as it was.
   */
  async flush(durable: boolean): Promise<void> {
    const { file } = this.#segment;
    const bytes = this.#encoder.bytes;
    if (bytes !== 0) await this.#settleName();
    const parts = this.#encoder.take();
    this.#encoder.pages.flush();
    if (bytes !== 0) {
      const grows = this.#end + bytes > this.#fileBytes;
      const pieces = durable && bytes > bytesBetweenSyncsMax;
      // A durable write answers for its own bytes alone.
      if (grows || pieces || !durable || this.#unsynced) await this.#write(parts, grows, pieces);
      else await file.writeDurable(parts, this.#end);
      this.#unsynced ||= grows || pieces || !durable;
      this.#end += bytes;
    }
    if (durable && this.#unsynced) {
      await file.datasync();
      this.#unsynced = false;
    }
  }

  /** `flush` on the calling thread, where `fitsOneWrite`. */
  flushSync(durable: boolean): void {
    const { file } = this.#segment;
    const { bytes } = this.#encoder;
    const parts = this.#encoder.take();
    this.#encoder.pages.flush();
    if (durable) {
      file.writeDurableSync(parts, this.#end);
    } else {
      let position = this.#end;
      for (const part of parts) {
        file.writeSync(part, position);
        position += part.length;
      }
      this.#unsynced = true;
    }
    this.#end += bytes;
  }

  /** Writes the whole pages that etcd would not hold back any longer, without a sync. */
  async flushPages(): Promise<void> {
    if (this.#encoder.pages.fileOffset !== this.#end) await this.flush(false);
  }

  /**
   * Writes what waits at the end of this segment and begins the next one. What takes space is done
   * first: `NoSpaceError` and `TryAgainError` mean that nothing was written. Durable after it: all
   * records, and the next segment; where the system was short of something for a moment, its name
   * is made durable before the next write.
   */
  async cut(next: NextSegment, durable: boolean): Promise<void> {
    const { spares, segmentBytes } = this.#parts;
    const full = this.#segment;
    await this.#settleName();
    let spare: SpareFile;
    try {
      spare = await spares.take(full.segmentId + 1, segmentBytes);
    } catch (error) {
      throw prepareFailure(error);
    }
    try {
      // 1. Durable after it: the old segment, which ends at its last record. A crash leaves a log
      //    without a next segment, which is whole. A log without syncs is synced here, too: a close
      //    can only sync the last segment.
      await this.flush(durable);
      await full.file.truncate(this.#end);
      await full.file.datasync();
      await this.#takeOver(spare, next, durable);
      await this.#settleName().catch((error: unknown) => {
        // All records are durable in the segment before. A log that is written anew relies on the
        // new one.
        if (!isRefusal(error) || next.addRecords !== undefined) throw error;
      });
    } catch (error) {
      await spare.file.close().catch(() => undefined);
      throw error;
    }
  }

  /** Adds the records that every segment begins with. */
  addHead(hardState: Uint8Array | undefined): void {
    this.add(RecordType.Crc, undefined);
    this.add(RecordType.Metadata, this.#parts.metadata);
    if (hardState !== undefined) this.add(RecordType.State, hardState);
  }

  async #takeOver(
    { path: sparePath, file }: SpareFile,
    next: NextSegment,
    durable: boolean,
  ): Promise<void> {
    const { directory, segmentBytes } = this.#parts;
    const name = segmentName(this.#segment.name.sequence + 1n, next.firstIndex);
    const path = `${directory}/${name.fileName}`;
    this.#segment = { ...segmentOf(path, name, file), startChecksum: this.#encoder.checksum };
    this.#end = 0;
    this.#fileBytes = segmentBytes;
    this.#encoder.pages = new PageWriter(0);
    this.addHead(next.hardState);
    await next.addRecords?.();
    // 2. Durable after it: the head of the next one, under a name that nobody reads.
    await this.flush(durable);
    this.#owedName = { from: sparePath, to: path, isRenamed: false };
  }

  /** 3. Durable after it: the name of the segment. Only now may anything else be written to it. */
  async #settleName(): Promise<void> {
    const owed = this.#owedName;
    if (owed === undefined) return;
    const { environment, directory } = this.#parts;
    try {
      if (!owed.isRenamed) await environment.fileSystem.rename(owed.from, owed.to);
      owed.isRenamed = true;
      await environment.fileSystem.syncDirectory(directory);
    } catch (error) {
      throw stepFailure(error);
    }
    this.#owedName = undefined;
  }

  /** With `pieces` no more than `bytesBetweenSyncsMax` is ever waiting for a sync. */
  async #write(parts: readonly Uint8Array[], grows: boolean, pieces: boolean): Promise<void> {
    const { file } = this.#segment;
    let position = this.#end;
    try {
      for (const piece of pagesOf(parts, position)) {
        if (pieces && position !== this.#end) await file.datasync();
        await file.write(piece, position);
        position += piece.length;
      }
    } catch (error) {
      if (!grows || !(error instanceof FileError) || error.kind !== 'no-space') throw error;
      await this.#takeBack();
      throw new NoSpaceError(`no space to append to a segment: ${error.message}`, error);
    }
  }

  /**
   * After a write beyond the end of the file that found no space: the file is made as it was
   * before.
   */
  async #takeBack(): Promise<void> {
    const { file } = this.#segment;
    await file.truncate(this.#end);
    if (this.#fileBytes > this.#end) await file.truncate(this.#fileBytes);
    // Durable after it: that nothing of the refused records is there.
    await file.datasync();
  }
}

/**
 * What is written at `position`, one byte at least, in pieces that end with a page of the file. Two
 * writes must not share a sector: a crash could leave one with the first of them alone, which no
 * rule would take for an interrupted write.
 */
function* pagesOf(parts: readonly Uint8Array[], position: number): Generator<Uint8Array> {
  const pieceBytes = bytesBetweenSyncsMax / 2;
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && only.length <= pieceBytes) {
    yield only;
    return;
  }
  let piece = new Uint8Array(0);
  let filled = 0;
  let left = parts.reduce((sum, { length }) => sum + length, 0);
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      if (filled === piece.length) {
        if (filled !== 0) yield piece;
        position += filled;
        piece = new Uint8Array(Math.min(left, pieceBytes - (position % pageBytes)));
        left -= piece.length;
        filled = 0;
      }
      const taken = part.subarray(at, at + piece.length - filled);
      piece.set(taken, filled);
      filled += taken.length;
      at += taken.length;
    }
  }
  yield piece;
}
