/**
 * The part of a file that a scan looks at. While one part is looked at the next one is read, so
 * that reading and verifying overlap. A frame that lies across the border is brought together in
 * front of the next part.
 */
import type { File } from '@babuza/vfs';
import { uninitializedBytes } from '@babuza/wal-core';

/** What is read at a time. */
const partBytes: number = 512 * 1024;

/** Room in front of a part for the beginning of a frame that ends in it. */
const headroomBytes: number = 64 * 1024;

/** How much of a file is read at a time, and the room in front of it. */
export interface WindowSizes {
  readonly partBytes: number;
  readonly headroomBytes: number;
}

const usualSizes: WindowSizes = { partBytes, headroomBytes };

/** The next part, on its way: in the buffer it starts behind the headroom. */
interface Ahead {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly read: Promise<number>;
}

export class ScanWindow {
  readonly #file: Pick<File, 'read'>;
  readonly #fileBytes: number;
  readonly #sizes: WindowSizes;
  /** The buffer that is looked at, and the one that is free. */
  #current: Uint8Array | undefined;
  #free: Uint8Array | undefined;
  #ahead: Ahead | undefined;
  #loads = 0;
  /** What is there of the file: from `start` up to, not including, `end`. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  start = 0;
  end = 0;

  /** `sizes` differ from the usual ones only in tests. */
  constructor(file: Pick<File, 'read'>, fileBytes: number, sizes: WindowSizes = usualSizes) {
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#sizes = sizes;
  }

  has(offset: number, length: number): boolean {
    return offset >= this.start && offset + length <= this.end;
  }

  /** Makes `length` bytes from `offset` on available; false where the file ends before. */
  async load(offset: number, length: number): Promise<boolean> {
    if (this.has(offset, length)) return true;
    if (offset + length > this.#fileBytes) return false;
    await this.#useAhead(offset);
    if (!this.has(offset, length)) await this.#read(offset, length);
    if (!this.has(offset, length)) return false;
    this.#loads += 1;
    // Who looks only at the beginning of a file reads no more of it.
    if (this.#loads > 1) this.#startAhead();
    return true;
  }

  /** Waits for what is still on its way. */
  async close(): Promise<void> {
    await this.#ahead?.read.catch(() => undefined);
    this.#ahead = undefined;
  }

  get #bufferBytes(): number {
    return this.#sizes.headroomBytes + this.#sizes.partBytes;
  }

  async #read(offset: number, length: number): Promise<void> {
    await this.close();
    const { partBytes } = this.#sizes;
    const wanted = Math.min(Math.max(length, partBytes), this.#fileBytes - offset);
    let buffer = this.#current;
    if (buffer === undefined || buffer.length < wanted) {
      // A small file never has a part that is read ahead.
      buffer = uninitializedBytes(
        this.#fileBytes > partBytes ? Math.max(wanted, this.#bufferBytes) : wanted,
      );
    }
    this.#current = buffer;
    const read = await this.#file.read(buffer.subarray(0, wanted), offset);
    this.#show(buffer, 0, offset, read);
  }

  #startAhead(): void {
    const { partBytes, headroomBytes } = this.#sizes;
    const start = this.end;
    const length = Math.min(partBytes, this.#fileBytes - start);
    if (this.#ahead !== undefined || length <= 0) return;
    const buffer = this.#free ?? uninitializedBytes(this.#bufferBytes);
    this.#free = undefined;
    const read = this.#file.read(buffer.subarray(headroomBytes, headroomBytes + length), start);
    // Whoever needs the part meets its failure; until then it is nobody's.
    read.catch(() => undefined);
    this.#ahead = { buffer, start, read };
  }

  /** Moves on to the part that was read ahead, where `offset` lies in the headroom before it. */
  async #useAhead(offset: number): Promise<void> {
    const { headroomBytes } = this.#sizes;
    const ahead = this.#ahead;
    if (ahead === undefined) return;
    const before = ahead.start - offset;
    if (before < 0 || before > headroomBytes || offset < this.start) return;
    const read = await ahead.read;
    const from = headroomBytes - before;
    ahead.buffer.set(this.bytes.subarray(offset - this.start), from);
    this.#ahead = undefined;
    this.#free = this.#current?.length === this.#bufferBytes ? this.#current : undefined;
    this.#current = ahead.buffer;
    this.#show(ahead.buffer, from, offset, before + read);
  }

  #show(buffer: Uint8Array, from: number, start: number, length: number): void {
    this.start = start;
    this.end = start + length;
    this.bytes = buffer.subarray(from, from + length);
    this.view = new DataView(buffer.buffer, buffer.byteOffset + from, length);
  }
}
