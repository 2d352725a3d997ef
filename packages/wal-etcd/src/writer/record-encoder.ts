/**
 * Puts records into memory, framed and chained, until they are written. Small payloads are copied;
 * large ones are referred to, and must not change until they are written.
 */
import type { Entry } from '@babuza/raftpb';
import { bytesTag, varintTag, writeNumber } from '@babuza/raftpb/wire';
import { crc32c } from '../format/crc32c.ts';
import { frameBytes, paddingOf, writeLengthField } from '../format/frame.ts';
import { entryHeadBytesMax, lengthFieldBytes, RecordType } from '../format/layout.ts';
import { recordHeadBytes, writeRecordHead } from '../format/record.ts';
import type { PageWriter } from './page-writer.ts';

const typeTag = varintTag(1);
const termTag = varintTag(2);
const indexTag = varintTag(3);
const dataTag = bytesTag(4);

/** Payloads from this size on are referred to. */
const copyBytesMax: number = 4 * 1024;

/** The scratch memory is given back where it grew beyond this. */
const scratchBytesKept: number = 512 * 1024;

/** What a refused group is taken back to. */
export interface EncoderMark {
  readonly checksum: number;
  readonly pages: PageWriter;
}

export class RecordEncoder {
  /** The checksum of the last record: the next one goes on from it. */
  checksum: number;
  /** Where etcd's file would be by now. */
  pages: PageWriter;
  #scratch: Uint8Array = new Uint8Array(16 * 1024);
  #parts: Uint8Array[] = [];
  /** Bytes of the scratch that are filled, and those that are in `#parts` already. */
  #filled = 0;
  #taken = 0;
  #bytes = 0;
  readonly #entryHead = new Uint8Array(entryHeadBytesMax);

  constructor(checksum: number, pages: PageWriter) {
    this.checksum = checksum;
    this.pages = pages;
  }

  /** Bytes that wait to be written. */
  get bytes(): number {
    return this.#bytes;
  }

  mark(): EncoderMark {
    return { checksum: this.checksum, pages: this.pages.copy() };
  }

  /** Drops what waits. Nothing may have been waiting at the mark. */
  rollBack({ checksum, pages }: EncoderMark): void {
    this.checksum = checksum;
    this.pages = pages;
    this.#clear();
  }

  /** Adds a record with data, or without. Its data is copied. */
  add(type: number, data: Uint8Array | undefined): void {
    if (data !== undefined) this.checksum = crc32c(this.checksum, data);
    this.#addFrame(type, data, undefined);
  }

  addEntry(entry: Entry): void {
    const head = this.#entryHead;
    const { data } = entry;
    let end = writeNumber(head, 0, typeTag, entry.type);
    end = writeNumber(head, end, termTag, entry.term);
    end = writeNumber(head, end, indexTag, entry.index);
    if (data !== undefined) end = writeNumber(head, end, dataTag, data.length);
    this.checksum = crc32c(this.checksum, head, 0, end);
    if (data !== undefined) this.checksum = crc32c(this.checksum, data);
    this.#addFrame(RecordType.Entry, head.subarray(0, end), data);
  }

  /** The parts of one write: all that waits. They are valid until the next record is added. */
  take(): readonly Uint8Array[] {
    this.#takeScratch();
    const parts = this.#parts;
    this.#clear();
    return parts;
  }

  #clear(): void {
    this.#parts = [];
    this.#filled = 0;
    this.#taken = 0;
    this.#bytes = 0;
    if (this.#scratch.length > scratchBytesKept) this.#scratch = new Uint8Array(scratchBytesKept);
  }

  /** The data of the record is `data` with `payload` behind it. */
  #addFrame(type: number, data: Uint8Array | undefined, payload: Uint8Array | undefined): void {
    const { checksum } = this;
    const payloadBytes = payload?.length ?? 0;
    const dataBytes = data === undefined ? undefined : data.length + payloadBytes;
    const recordBytes = recordHeadBytes(type, checksum, dataBytes) + (dataBytes ?? 0);
    const copies = payloadBytes < copyBytesMax;
    this.#makeRoom(copies ? recordBytes : recordBytes - payloadBytes);
    const scratch = this.#scratch;
    writeLengthField(scratch, this.#filled, recordBytes);
    let end = this.#filled + lengthFieldBytes;
    end = writeRecordHead(scratch, end, type, checksum, dataBytes);
    if (data !== undefined) {
      scratch.set(data, end);
      end += data.length;
    }
    if (payload !== undefined && copies) {
      scratch.set(payload, end);
      end += payload.length;
    }
    this.#filled = end;
    if (payload !== undefined && !copies) {
      this.#takeScratch();
      this.#parts.push(payload);
    }
    const padding = paddingOf(recordBytes);
    // The scratch is used again: what pads the record must be made zero.
    this.#scratch.fill(0, this.#filled, this.#filled + padding);
    this.#filled += padding;
    this.#bytes += frameBytes(recordBytes);
    this.pages.write(lengthFieldBytes);
    this.pages.write(recordBytes + padding);
  }

  /** Room for so many bytes of a record, with its frame. What was encoded stays where it is. */
  #makeRoom(bytes: number): void {
    const needed = bytes + 2 * lengthFieldBytes;
    if (this.#filled + needed <= this.#scratch.length) return;
    this.#takeScratch();
    this.#scratch = new Uint8Array(Math.max(needed, 2 * this.#scratch.length));
    this.#filled = 0;
    this.#taken = 0;
  }

  /** Moves what was filled since the last time to the parts. */
  #takeScratch(): void {
    if (this.#filled === this.#taken) return;
    this.#parts.push(this.#scratch.subarray(this.#taken, this.#filled));
    this.#taken = this.#filled;
  }
}
