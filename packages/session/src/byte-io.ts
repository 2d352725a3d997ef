/**
 * Numbers and bytes in a row, little-endian. The reader takes hostile bytes: it reads nothing that
 * is not there.
 */
import { SessionError } from './errors.ts';

/** What the upper half of a number of 8 bytes counts in. */
const highUnit = 0x1_0000_0000;
const highMax = 0x1f_ffff;

/**
 * Fills bytes whose number is known before: sessions may be many, and are written between two
 * applications.
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

  /** Of a safe integer. */
  uint64(value: number): void {
    this.uint32(value % highUnit);
    this.uint32(Math.floor(value / highUnit));
  }

  append(value: Uint8Array): void {
    this.bytes.set(value, this.#offset);
    this.#offset += value.length;
  }
}

/**
 * Every method throws SessionError (`SESSION_CORRUPT`) where the bytes are not what they should be.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    if (!(bytes instanceof Uint8Array)) {
      const problem = `sessions are restored from a Uint8Array, got ${typeof bytes}`;
      throw new SessionError('SESSION_INVALID', problem);
    }
    // Of a Buffer `slice` would be a view: what is restored must not keep the whole snapshot, or
    // change with it.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint8(what: string): number {
    return this.#view.getUint8(this.#take(what, 1));
  }

  uint32(what: string): number {
    return this.#view.getUint32(this.#take(what, 4), true);
  }

  /** Up to 2^53 − 1: more could not be told apart. */
  uint64(what: string): number {
    const at = this.#take(what, 8);
    const high = this.#view.getUint32(at + 4, true);
    this.check(high <= highMax, `${what} is too large`);
    return high * highUnit + this.#view.getUint32(at, true);
  }

  /**
   * How many there are of something that takes at least `bytesEach`: never more than can still
   * follow.
   */
  count(what: string, max: number, bytesEach: number): number {
    const value = this.uint32(what);
    this.check(value <= max, `${value} ${what}; at most ${max} are allowed`);
    const left = this.#bytes.length - this.#offset;
    this.check(value * bytesEach <= left, `${value} ${what} in ${left} bytes`);
    return value;
  }

  /** A copy. */
  bytes(what: string, length: number): Uint8Array {
    const from = this.#take(what, length);
    return this.#bytes.slice(from, from + length);
  }

  /** Nothing may follow. */
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
