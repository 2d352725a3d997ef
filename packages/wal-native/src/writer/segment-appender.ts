/**
 * Appends batches to the segment that is open for writing, one at a time, and knows how far it is
 * durable. A batch, its commit frame and the empty slot behind it are one write.
 *
 * Invariant: everything below `end` is a whole batch; everything below `durableEnd` survives a
 * crash.
 */
import { invariant } from '@babuza/wal-core';
import {
  endSlotBytes,
  footerEntryBytes,
  ownSectorEnd,
  tailReserveBytes,
} from '../format/layout.ts';
import { sealBytes } from '../format/seal.ts';
import type { AppendPoint } from '../recovery/recover.ts';
import type { Segment } from '../segment/segment.ts';
import { controlGroup, type ControlFrame, type Group, type GroupEncoder } from './group-encoder.ts';

export class SegmentAppender {
  readonly segment: Segment;
  readonly #encoder: GroupEncoder;
  #end: number;
  #durableEnd: number;
  /** The number of the next batch; a mark that does not count has used its number up, too. */
  #nextBatchNumber: number;
  /** The number of the last batch below `end`. */
  #lastBatchNumber: number;
  #entries: number;
  /** The log ends with durable marks that reach into a sector of their own. */
  #marked: boolean;

  constructor(point: AppendPoint, encoder: GroupEncoder) {
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

  /** Written, but not synced: only where syncs are turned off. */
  get hasUnsynced(): boolean {
    return this.#durableEnd < this.#end;
  }

  /** Whether the batch fits, with the footer that its entries will need, and a mark behind it. */
  fits(group: Group): boolean {
    const footer = sealBytes(1, this.#entries) + group.entryCount * footerEntryBytes + 8;
    const needed = this.#end + group.bytes + tailReserveBytes + footer;
    return needed <= this.segment.header.segmentBytes;
  }

  fitsMark(group: Group): boolean {
    const footer = sealBytes(1, this.#entries);
    return this.#end + group.bytes + endSlotBytes + footer <= this.segment.header.segmentBytes;
  }

  /** Writes the batch so that it is durable when this resolves, or without a sync. */
  async append(group: Group, durable: boolean): Promise<void> {
    const { file } = this.segment;
    const parts = this.#encode(group, durable);
    if (durable) {
      // Durable after it: the batch, and all before it. A crash before leaves some of its sectors.
      await file.writeDurable(parts, this.#end);
    } else {
      let position = this.#end;
      for (const part of parts) {
        await file.write(part, position);
        position += part.length;
      }
    }
    this.#advance(group, durable);
  }

  /** The same on the calling thread. */
  appendSync(group: Group, durable: boolean): void {
    const { file } = this.segment;
    const parts = this.#encode(group, durable);
    if (durable) {
      file.writeDurableSync(parts, this.#end);
    } else {
      let position = this.#end;
      for (const part of parts) {
        file.writeSync(part, position);
        position += part.length;
      }
    }
    this.#advance(group, durable);
  }

  /**
   * Writes a mark that is not synced and does not count: the next batch overwrites it. What it
   * says, that all before it is durable, is true already.
   */
  async writeIdleMark(frames: readonly ControlFrame[]): Promise<void> {
    const group = controlGroup(frames);
    if (this.hasUnsynced || !this.fitsMark(group)) return;
    const [mark] = this.#encode(group, false);
    if (mark !== undefined) await this.segment.file.write(mark, this.#end);
  }

  /**
   * Writes marks, durably, until one lies in a sector of its own behind the last batch: were there
   * only one, losing the sector that it shares with the end of that batch would look like a write
   * that was interrupted. As many as fit; one write and one sync for all.
   */
  async appendMarks(): Promise<void> {
    const mark = controlGroup([]);
    const start = this.#end;
    const reached = ownSectorEnd(start);
    const written: Uint8Array[] = [];
    while (this.#end < reached && this.fitsMark(mark)) {
      // What each says to be durable is what was so before all of them.
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

  /** Makes durable what was written without a sync. */
  async datasync(): Promise<void> {
    const { end } = this;
    await this.segment.file.datasync();
    this.#durableEnd = end;
  }

  #encode(group: Group, durable: boolean): readonly Uint8Array[] {
    // A durable write answers for its own bytes alone: with a gap before them they would be a lie.
    invariant(!durable || !this.hasUnsynced, 'a durable batch follows a durable one', this.#end);
    const batchNumber = this.#nextBatchNumber;
    this.#nextBatchNumber += 1;
    return this.#encoder.encode(group, {
      salt: this.segment.header.salt,
      offset: this.#end,
      batchNumber,
      durableUpTo: this.#durableEnd,
    });
  }

  #advance(group: Group, durable: boolean): void {
    this.#end += group.bytes;
    this.#lastBatchNumber = this.#nextBatchNumber - 1;
    this.#entries += group.entryCount;
    if (durable) this.#durableEnd = this.#end;
    this.#marked = durable && group.frameCount === 0;
  }
}
