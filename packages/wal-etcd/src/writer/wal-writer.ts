/**
 * Appends records to the last segment of a log, and begins the next segment when it is full.
 * Records are encoded into memory; `flush` and `cut` write them.
 *
 * Invariant: the file has complete records below `end`, and zeros above it.
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

/** The position of the next record. */
export interface AppendPoint {
  readonly segment: EtcdSegment;
  readonly end: number;
  /** The length of the file. The bytes from `end` on are zeros. */
  readonly fileBytes: number;
  readonly checksum: number;
  /** The offset of the last record in the segment; `startOfSegment` if there is no record. */
  readonly lastOffset: number;
}

/** A state that `rollBack` restores. */
export interface WriterMark {
  readonly encoder: EncoderMark;
  readonly lastOffset: number;
  /** The segment and its end, which show whether records were written since. */
  readonly segment: EtcdSegment;
  readonly end: number;
}

/** The content of the records at the beginning of the next segment. */
export interface NextSegment {
  /** The index in the name of the segment: that of the first entry which it is expected to have. */
  readonly firstIndex: bigint;
  /** The encoded hard state, if there is one to repeat. */
  readonly hardState: Uint8Array | undefined;
  /** Adds further records. The segment gets its name only after all of them are durable. */
  readonly addRecords?: (() => Promise<void>) | undefined;
}

/** The pending rename of a new segment whose first records are durable. */
interface PendingRename {
  readonly from: string;
  readonly to: string;
  /** Whether the file is renamed, but the directory is not synced yet. */
  isRenamed: boolean;
}

export interface WalWriterParts {
  readonly environment: Environment;
  readonly directory: string;
  /** The length of a new segment. Its first records must fit into it. */
  readonly segmentBytes: number;
  /** The metadata, which every segment repeats. Absent and empty metadata differ. */
  readonly metadata: Uint8Array | undefined;
  readonly spares: SpareFiles;
}

export class WalWriter {
  readonly #parts: WalWriterParts;
  readonly #encoder: RecordEncoder;
  #segment: EtcdSegment;
  #end: number;
  /** The length of the file, unless records extend beyond it. */
  #fileBytes: number;
  #lastOffset: number;
  #unsynced = false;
  /** While the rename of the segment is pending, nothing is written to it. */
  #pendingRename: PendingRename | undefined;

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

  /** Bytes of encoded records that are not written yet. */
  get pendingBytes(): number {
    return this.#encoder.bytes;
  }

  /** Whether there are records that are written but not synced. */
  get hasUnsynced(): boolean {
    return this.#unsynced;
  }

  /**
   * Whether etcd would start a new segment with the next save. The encoded records still belong to
   * this segment.
   */
  get isFull(): boolean {
    return this.#encoder.pages.fileOffset >= this.#parts.segmentBytes;
  }

  /** Whether the encoded records fit into the file and can be written by a single write. */
  get fitsOneWrite(): boolean {
    const { bytes } = this.#encoder;
    const fits = this.#end + bytes <= this.#fileBytes && bytes <= bytesBetweenSyncsMax;
    const isReady = this.#pendingRename === undefined && !this.isFull;
    return bytes !== 0 && fits && isReady;
  }

  /**
   * Encodes an entry and returns its position for the index, which is that of the record before it.
   */
  addEntry(entry: Entry): number {
    const previous = this.#lastOffset;
    this.#lastOffset = this.#end + this.#encoder.bytes;
    this.#encoder.addEntry(entry);
    return previous;
  }

  /**
   * Encodes any other record, or an entry that is encoded already. Returns its position like
   * `addEntry`.
   */
  add(type: number, data: Uint8Array | undefined): number {
    const previous = this.#lastOffset;
    this.#lastOffset = this.#end + this.#encoder.bytes;
    this.#encoder.add(type, data);
    return previous;
  }

  /** Returns a mark of the current state. There must be no encoded records. */
  mark(): WriterMark {
    return {
      encoder: this.#encoder.mark(),
      lastOffset: this.#lastOffset,
      segment: this.#segment,
      end: this.#end,
    };
  }

  /** Whether records were written since the mark. A roll back is then not possible. */
  hasWrittenSince({ segment, end }: WriterMark): boolean {
    return this.#segment !== segment || this.#end !== end;
  }

  /** Drops the records that were added since the mark. They must not have been written. */
  rollBack(mark: WriterMark): void {
    this.#encoder.rollBack(mark.encoder);
    this.#lastOffset = mark.lastOffset;
  }

  /**
   * Writes the encoded records. With `durable`, all records so far are durable when the call
   * resolves; a crash before may leave any part of them. Throws `NoSpaceError` and `TryAgainError`
   * only if the file has not changed.
   */
  async flush(durable: boolean): Promise<void> {
    const { file } = this.#segment;
    const bytes = this.#encoder.bytes;
    if (bytes !== 0) await this.#finishRename();
    const parts = this.#encoder.take();
    this.#encoder.pages.flush();
    if (bytes !== 0) {
      const grows = this.#end + bytes > this.#fileBytes;
      const pieces = durable && bytes > bytesBetweenSyncsMax;
      // A durable write syncs its own bytes only.
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

  /** Like `flush`, on the calling thread. `fitsOneWrite` must be true. */
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

  /** Writes the records without a sync if etcd would have written some of their pages by now. */
  async flushPages(): Promise<void> {
    if (this.#encoder.pages.fileOffset !== this.#end) await this.flush(false);
  }

  /**
   * Writes the encoded records to the end of this segment and begins the next one. Space is
   * allocated first: `NoSpaceError` and `TryAgainError` mean that nothing was written. All records
   * and the next segment are durable when the call resolves. One exception: if the rename fails
   * because the system lacks a resource for a moment, it is repeated before the next write.
   */
  async cut(next: NextSegment, durable: boolean): Promise<void> {
    const { spares, segmentBytes } = this.#parts;
    const full = this.#segment;
    await this.#finishRename();
    let spare: SpareFile;
    try {
      spare = await spares.take(full.segmentId + 1, segmentBytes);
    } catch (error) {
      throw prepareFailure(error);
    }
    try {
      // 1. After this step the old segment is durable and ends at its last record. After a crash
      // the log is complete without a next segment. The sync also happens when syncs are turned
      // off, because a close can only sync the last segment.
      await this.flush(durable);
      await full.file.truncate(this.#end);
      await full.file.datasync();
      await this.#takeOver(spare, next, durable);
      await this.#finishRename().catch((error: unknown) => {
        // All records are durable in the segment before, so the rename may be repeated later. A log
        // that is written again needs its new segment at once.
        if (!isRefusal(error) || next.addRecords !== undefined) throw error;
      });
    } catch (error) {
      await spare.file.close().catch(() => undefined);
      throw error;
    }
  }

  /** Encodes the records at the beginning of every segment. */
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
    // 2. After this step the first records of the next segment are durable, under a temporary name
    // that is never read.
    await this.flush(durable);
    this.#pendingRename = { from: sparePath, to: path, isRenamed: false };
  }

  /**
   * 3. After this step the name of the segment is durable, and other records may be written to it.
   */
  async #finishRename(): Promise<void> {
    const pending = this.#pendingRename;
    if (pending === undefined) return;
    const { environment, directory } = this.#parts;
    try {
      if (!pending.isRenamed) await environment.fileSystem.rename(pending.from, pending.to);
      pending.isRenamed = true;
      await environment.fileSystem.syncDirectory(directory);
    } catch (error) {
      throw stepFailure(error);
    }
    this.#pendingRename = undefined;
  }

  /** With `pieces`, at most `bytesBetweenSyncsMax` bytes are written before a sync. */
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
      await this.#undoGrowth();
      throw new NoSpaceError(`no space to append to a segment: ${error.message}`, error);
    }
  }

  /**
   * Durably restores the old length of the file after a write beyond its end that found no space.
   */
  async #undoGrowth(): Promise<void> {
    const { file } = this.#segment;
    await file.truncate(this.#end);
    if (this.#fileBytes > this.#end) await file.truncate(this.#fileBytes);
    await file.datasync();
  }
}

/**
 * Splits the parts, which have one byte at least, into pieces for writes from `position` on. Each
 * piece ends at a page boundary of the file. Two writes must not share a sector: a crash could
 * leave the sector with the bytes of the first write only, which the rule for torn records would
 * not recognise.
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
