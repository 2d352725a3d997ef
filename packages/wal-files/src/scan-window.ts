/**
 * A window of a file for a scan. The next part of the file is read while the scan verifies the
 * current one, so that reading and verifying overlap. A frame that crosses the border of two parts
 * is joined: its beginning is copied in front of the next part.
 */
import type { File } from '@babuza/vfs';
import { uninitializedBytes } from '@babuza/wal-core/backend';

/** The bytes of one read. */
const partBytes: number = 512 * 1024;

/** Space in front of a part for the beginning of a frame that ends in it. */
const headroomBytes: number = 64 * 1024;

/** The bytes of one read, and of the space in front of it. */
export interface WindowSizes {
  readonly partBytes: number;
  readonly headroomBytes: number;
}

const usualSizes: WindowSizes = { partBytes, headroomBytes };

/**
 * The read of the next part, which is in flight. In the buffer, the part starts after the headroom.
 */
interface Ahead {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly read: Promise<number>;
}

export class ScanWindow {
  readonly #file: Pick<File, 'read'>;
  readonly #fileBytes: number;
  readonly #sizes: WindowSizes;
  /** The buffer of the current window, and a free one for the next part. */
  #current: Uint8Array | undefined;
  #free: Uint8Array | undefined;
  #ahead: Ahead | undefined;
  #loads = 0;
  /** The bytes of the file from `start` to below `end`. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  start = 0;
  end = 0;

  /** Only tests pass `sizes`. */
  constructor(file: Pick<File, 'read'>, fileBytes: number, sizes: WindowSizes = usualSizes) {
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#sizes = sizes;
  }

  has(offset: number, length: number): boolean {
    return offset >= this.start && offset + length <= this.end;
  }

  /** Makes `length` bytes from `offset` on available. Returns false if the file ends before. */
  async load(offset: number, length: number): Promise<boolean> {
    if (this.has(offset, length)) return true;
    if (offset + length > this.#fileBytes) return false;
    await this.#useAhead(offset);
    if (!this.has(offset, length)) await this.#read(offset, length);
    if (!this.has(offset, length)) return false;
    this.#loads += 1;
    // The first load does not read ahead, because some scans need only the beginning of a file.
    if (this.#loads > 1) this.#startAhead();
    return true;
  }

  /** Waits for a read that is in flight. */
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
      // A file of one part never needs a buffer for reading ahead.
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
    // A failure is thrown when the part is used. If it never is, the rejection must count as
    // handled.
    read.catch(() => undefined);
    this.#ahead = { buffer, start, read };
  }

  /**
   * Moves the window to the part that was read ahead, if `offset` lies within the headroom before
   * it.
   */
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
