/**
 * Writes and reads little-endian numbers and bytes. The reader accepts untrusted bytes and never
 * reads beyond their end.
 */
import { SessionError } from './errors.ts';

/** The weight of the upper half of a number of 8 bytes. */
const highUnit = 0x1_0000_0000;
const highMax = 0x1f_ffff;

/**
 * Fills an array of known size. Sessions may be many, and are encoded between two applied entries.
 */
export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  uint8(value: number): void {
    this.#view.setUint8(this.#offset, value);
    this.#offset += 1;
  }

  uint32(value: number): void {
    this.#view.setUint32(this.#offset, value, true);
    this.#offset += 4;
  }

  /** Writes a safe integer from 0 on. */
  uint64(value: number): void {
    this.uint32(value % highUnit);
    this.uint32(Math.floor(value / highUnit));
  }

  append(value: Uint8Array): void {
    this.bytes.set(value, this.#offset);
    this.#offset += value.length;
  }
}

/** Every method throws SessionError (`SESSION_CORRUPT`) if the bytes are invalid. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    if (!(bytes instanceof Uint8Array)) {
      const problem = `sessions are restored from a Uint8Array, got ${typeof bytes}`;
      throw new SessionError('SESSION_INVALID', problem);
    }
    // `slice` of a `Buffer` would share its memory. The restored state must neither keep the whole
    // snapshot alive nor change with it.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint8(what: string): number {
    return this.#view.getUint8(this.#take(what, 1));
  }

  uint32(what: string): number {
    return this.#view.getUint32(this.#take(what, 4), true);
  }

  /** Reads a number up to 2^53 − 1. Larger ones cannot be represented exactly. */
  uint64(what: string): number {
    const at = this.#take(what, 8);
    const high = this.#view.getUint32(at + 4, true);
    this.check(high <= highMax, `${what} is too large`);
    return high * highUnit + this.#view.getUint32(at, true);
  }

  /**
   * Reads a count of items that take at least `bytesEach`. It never exceeds what the remaining
   * bytes can hold.
   */
  count(what: string, max: number, bytesEach: number): number {
    const value = this.uint32(what);
    this.check(value <= max, `${value} ${what}; at most ${max} are allowed`);
    const left = this.#bytes.length - this.#offset;
    this.check(value * bytesEach <= left, `${value} ${what} in ${left} bytes`);
    return value;
  }

  /** Reads a copy of the next bytes. */
  bytes(what: string, length: number): Uint8Array {
    const from = this.#take(what, length);
    return this.#bytes.slice(from, from + length);
  }

  /** Checks that no byte follows. */
  end(): void {
    this.check(this.#offset === this.#bytes.length, 'more bytes follow');
  }

  check(holds: boolean, problem: string): void {
    if (holds) return;
    throw new SessionError('SESSION_CORRUPT', `sessions at byte ${this.#offset}: ${problem}`);
  }

  #take(what: string, length: number): number {
    const from = this.#offset;
    this.check(length <= this.#bytes.length - from, `${what} is cut off`);
    this.#offset = from + length;
    return from;
  }
}
