/**
 * Encodes records into memory, with their frames and chained checksums, until they are written.
 * Small payloads are copied. Large payloads are referenced and must not change until they are
 * written.
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

/** Payloads of this size or more are referenced, not copied. */
const copyBytesMax: number = 4 * 1024;

/** A larger scratch buffer is freed after the write. */
const scratchBytesKept: number = 512 * 1024;

/** The state that is restored after a refused commit batch. */
export interface EncoderMark {
  readonly checksum: number;
  readonly pages: PageWriter;
}

export class RecordEncoder {
  /** The checksum of the last record, which the next record continues. */
  checksum: number;
  /** The calculated offset of etcd's file. */
  pages: PageWriter;
  #scratch: Uint8Array = new Uint8Array(16 * 1024);
  #parts: Uint8Array[] = [];
  /**
   * `#filled` bytes of the scratch buffer are used, and the first `#taken` of them are already in
   * `#parts`.
   */
  #filled = 0;
  #taken = 0;
  #bytes = 0;
  readonly #entryHead = new Uint8Array(entryHeadBytesMax);

  constructor(checksum: number, pages: PageWriter) {
    this.checksum = checksum;
    this.pages = pages;
  }

  /** Encoded bytes that are not written yet. */
  get bytes(): number {
    return this.#bytes;
  }

  mark(): EncoderMark {
    return { checksum: this.checksum, pages: this.pages.copy() };
  }

  /** Drops all encoded records. There must have been none when the mark was made. */
  rollBack({ checksum, pages }: EncoderMark): void {
    this.checksum = checksum;
    this.pages = pages;
    this.#clear();
  }

  /** Encodes a record, with or without data. The data is copied. */
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

  /**
   * Returns the parts of one write with all encoded records. They are valid until the next record
   * is added.
   */
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

  /** Encodes a frame. The data of its record is `data` followed by `payload`. */
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
    // The scratch buffer is reused, so the padding must be zeroed.
    this.#scratch.fill(0, this.#filled, this.#filled + padding);
    this.#filled += padding;
    this.#bytes += frameBytes(recordBytes);
    this.pages.write(lengthFieldBytes);
    this.pages.write(recordBytes + padding);
  }

  /** Makes room for a record of this many bytes, with its frame. Encoded records do not move. */
  #makeRoom(bytes: number): void {
    const needed = bytes + 2 * lengthFieldBytes;
    if (this.#filled + needed <= this.#scratch.length) return;
    this.#takeScratch();
    this.#scratch = new Uint8Array(Math.max(needed, 2 * this.#scratch.length));
    this.#filled = 0;
    this.#taken = 0;
  }

  /** Adds the newly used bytes of the scratch buffer to the parts. */
  #takeScratch(): void {
    if (this.#filled === this.#taken) return;
    this.#parts.push(this.#scratch.subarray(this.#taken, this.#filled));
    this.#taken = this.#filled;
  }
}
