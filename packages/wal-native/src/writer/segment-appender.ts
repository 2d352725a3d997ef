/**
 * Appends batches to the newest segment, one at a time, and keeps track of how far the segment is
 * durable. A batch with its commit frame and the empty slot after it is one write.
 *
 * Invariant: all bytes below `end` belong to complete batches, and all bytes below `#durableEnd`
 * survive a crash.
 */
import { invariant } from '@babuza/wal-core/backend';
import {
  endSlotBytes,
  footerEntryBytes,
  ownSectorEnd,
  tailReserveBytes,
} from '../format/layout.ts';
import { sealBytes } from '../format/seal.ts';
import type { AppendPoint } from '../recovery/recover.ts';
import type { Segment } from '../segment/segment.ts';
import { controlBatch, type ControlFrame, type Batch, type BatchEncoder } from './batch-encoder.ts';

export class SegmentAppender {
  readonly segment: Segment;
  readonly #encoder: BatchEncoder;
  #end: number;
  #durableEnd: number;
  /** The number of the next batch. An idle mark uses up a number as well. */
  #nextBatchNumber: number;
  /** The number of the last batch below `end`. */
  #lastBatchNumber: number;
  #entries: number;
  /** The log ends with durable marks that reach into a sector of their own. */
  #marked: boolean;

  constructor(point: AppendPoint, encoder: BatchEncoder) {
    this.segment = point.segment;
    this.#encoder = encoder;
    this.#end = point.end;
    this.#durableEnd = point.end;
    this.#nextBatchNumber = point.nextBatchNumber;
    this.#lastBatchNumber = point.lastBatchNumber;
    this.#entries = point.entries;
    this.#marked = point.marked;
  }

  get end(): number {
    return this.#end;
  }

  get lastBatchNumber(): number {
    return this.#lastBatchNumber;
  }

  get nextBatchNumber(): number {
    return this.#nextBatchNumber;
  }

  get marked(): boolean {
    return this.#marked;
  }

  /** Whether batches were written without a sync, which happens only if syncs are turned off. */
  get hasUnsynced(): boolean {
    return this.#durableEnd < this.#end;
  }

  /** Whether the batch fits together with a mark after it and the footer for all entries. */
  fits(batch: Batch): boolean {
    const footer = sealBytes(1, this.#entries) + batch.entryCount * footerEntryBytes + 8;
    const needed = this.#end + batch.bytes + tailReserveBytes + footer;
    return needed <= this.segment.header.segmentBytes;
  }

  fitsMark(batch: Batch): boolean {
    const footer = sealBytes(1, this.#entries);
    return this.#end + batch.bytes + endSlotBytes + footer <= this.segment.header.segmentBytes;
  }

  /** Writes the batch. With `durable` it is durable when this resolves. */
  async append(batch: Batch, durable: boolean): Promise<void> {
    const { file } = this.segment;
    const parts = this.#encode(batch, durable);
    if (durable) {
      // After this the batch and everything before it are durable. A crash during the write leaves
      // any of its sectors.
      await file.writeDurable(parts, this.#end);
    } else {
      let position = this.#end;
      for (const part of parts) {
        await file.write(part, position);
        position += part.length;
      }
    }
    this.#advance(batch, durable);
  }

  /** The same as `append`, on the calling thread. */
  appendSync(batch: Batch, durable: boolean): void {
    const { file } = this.segment;
    const parts = this.#encode(batch, durable);
    if (durable) {
      file.writeDurableSync(parts, this.#end);
    } else {
      let position = this.#end;
      for (const part of parts) {
        file.writeSync(part, position);
        position += part.length;
      }
    }
    this.#advance(batch, durable);
  }

  /**
   * Writes a mark without a sync, which the next batch overwrites. The mark needs no sync, because
   * everything that it records as durable is durable already.
   */
  async writeIdleMark(frames: readonly ControlFrame[]): Promise<void> {
    const batch = controlBatch(frames);
    if (this.hasUnsynced || !this.fitsMark(batch)) return;
    const [mark] = this.#encode(batch, false);
    if (mark !== undefined) await this.segment.file.write(mark, this.#end);
  }

  /**
   * Writes marks until one of them lies in another sector than the end of the last batch. If the
   * only mark shared a sector with the end of that batch, the loss of the sector would look like an
   * interrupted write. All marks that fit are one write and one sync.
   */
  async appendMarks(): Promise<void> {
    const mark = controlBatch([]);
    const start = this.#end;
    const reached = ownSectorEnd(start);
    const written: Uint8Array[] = [];
    while (this.#end < reached && this.fitsMark(mark)) {
      // Each mark records only what was durable before this write.
      const [bytes] = this.#encode(mark, false);
      if (bytes !== undefined) written.push(bytes.slice(0, mark.bytes));
      this.#advance(mark, false);
    }
    if (written.length === 0) return;
    written.push(new Uint8Array(endSlotBytes));
    await this.segment.file.writeDurable(written, start);
    this.#durableEnd = this.#end;
    this.#marked = true;
  }

  /** Makes the batches durable that were written without a sync. */
  async datasync(): Promise<void> {
    const { end } = this;
    await this.segment.file.datasync();
    this.#durableEnd = end;
  }

  #encode(batch: Batch, durable: boolean): readonly Uint8Array[] {
    // A durable write makes only its own bytes durable, so all bytes before it must be durable
    // already.
    invariant(!durable || !this.hasUnsynced, 'a durable batch follows a durable one', this.#end);
    const batchNumber = this.#nextBatchNumber;
    this.#nextBatchNumber += 1;
    return this.#encoder.encode(batch, {
      salt: this.segment.header.salt,
      offset: this.#end,
      batchNumber,
      durableUpTo: this.#durableEnd,
    });
  }

  #advance(batch: Batch, durable: boolean): void {
    this.#end += batch.bytes;
    this.#lastBatchNumber = this.#nextBatchNumber - 1;
    this.#entries += batch.entryCount;
    if (durable) this.#durableEnd = this.#end;
    this.#marked = durable && batch.frameCount === 0;
  }
}
