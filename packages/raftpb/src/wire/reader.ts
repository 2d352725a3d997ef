/**
 * Reads one message, and those embedded in it, from untrusted bytes. Three rules keep that safe:
 * nothing is read at or beyond `end`, every length is checked against the remaining bytes before it
 * is used, and every step consumes at least one byte. So the work is linear in the input, and all
 * errors are `RaftpbDecodeError`.
 *
 * It is stricter than protobuf on purpose, because a wrong number in a log is worse than a refused
 * one: a value above 2^53 - 1 in a `number` field, a varint above 64 bits, and a known field with
 * another wire type are errors. Over-long varints (`80 00`) are accepted, as in other
 * implementations.
 */

import { RaftpbDecodeError } from '../errors.ts';
import { WireType } from './tags.ts';

/** Field numbers have 29 bits, so a tag fits into 32. */
const tagMax = 0xffff_ffff;
/**
 * Unknown groups that nest deeper than this are an attack. Groups have been deprecated for decades.
 */
const groupDepthMax = 32;
/** The high half of 2^53 - 1. */
const safeHighMax = 0x1f_ffff;
const twoToThe32 = 0x1_0000_0000;

/**
 * How many embedded messages, packed lists and ids may still be read. Each of them becomes an
 * object that can take a hundred times the memory of its bytes. Several readers may share one
 * allowance.
 */
export interface PartsAllowance {
  partsLeft: number;
}

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #allowance: PartsAllowance | undefined;
  #position = 0;
  /** The offset at which the innermost message ends. */
  #end: number;
  /** The halves of the last varint read, unsigned. */
  #low = 0;
  #high = 0;

  /** Without an allowance the number of parts is bounded by the number of bytes. */
  constructor(bytes: Uint8Array, allowance?: PartsAllowance) {
    this.#bytes = bytes;
    this.#allowance = allowance;
    this.#end = bytes.length;
  }

  /** Whether the innermost message has another field. */
  hasMore(): boolean {
    return this.#position < this.#end;
  }

  /** The next tag: a field number of at least 1 and any wire type below 6. */
  tag(message: string): number {
    const start = this.#position;
    const tag = this.#varintAsNumber(message);
    if (tag > tagMax || tag < 8 || (tag & 7) > WireType.Fixed32) {
      throw new RaftpbDecodeError(message, start, `${tag} is not a tag`);
    }
    return tag;
  }

  /**
   * Reads an index, term or commit index. A value above 2^53 - 1 is an error and is never rounded.
   */
  safeInteger(what: string): number {
    const start = this.#position;
    const value = this.#varintAsNumber(what);
    if (value > Number.MAX_SAFE_INTEGER) {
      throw new RaftpbDecodeError(what, start, 'the number is above 2^53 - 1');
    }
    return value;
  }

  /** An id of up to 64 bits. */
  id(what: string): bigint {
    this.#countPart(what);
    this.#varint(what);
    if (this.#high <= safeHighMax) return BigInt(this.#high * twoToThe32 + this.#low);
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  /** Reads a bool. Any number except 0 is true. */
  bool(what: string): boolean {
    this.#varint(what);
    return (this.#low | this.#high) !== 0;
  }

  /** A payload: a view into the bytes being read, not a copy. */
  bytes(what: string): Uint8Array {
    const length = this.#length(what);
    const { buffer, byteOffset } = this.#bytes;
    const view = new Uint8Array(buffer, byteOffset + this.#position, length);
    this.#position += length;
    return view;
  }

  /**
   * Enters an embedded message or packed list; `hasMore` is about it until `leave` gets the result.
   */
  enter(what: string): number {
    this.#countPart(what);
    const outerEnd = this.#end;
    const length = this.#length(what);
    this.#end = this.#position + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.#end = outerEnd;
  }

  /**
   * Skips a field that this release does not know, so that a newer one may add fields. With
   * `knownFieldMax`, a field number up to it is known and has a wrong wire type here, which is an
   * error.
   */
  skipUnknown(tag: number, knownFieldMax: number, message: string): void {
    const fieldNumber = tag >>> 3;
    if (fieldNumber <= knownFieldMax) {
      this.fail(message, `field ${fieldNumber} has the wrong wire type ${tag & 7}`);
    }
    this.#skip(tag, message, 0);
  }

  /** Throws an error at the current offset. */
  fail(what: string, problem: string): never {
    throw new RaftpbDecodeError(what, this.#position, problem);
  }

  #countPart(what: string): void {
    const allowance = this.#allowance;
    if (allowance === undefined) return;
    allowance.partsLeft -= 1;
    if (allowance.partsLeft < 0) this.fail(what, 'there are more parts than are allowed');
  }

  #skip(tag: number, message: string, depth: number): void {
    switch (tag & 7) {
      case WireType.Varint:
        this.#varint(message);
        return;
      case WireType.Fixed64:
        this.#advance(8, message);
        return;
      case WireType.Bytes:
        this.#advance(this.#length(message), message);
        return;
      case WireType.GroupStart:
        this.#skipGroup(tag, message, depth + 1);
        return;
      case WireType.Fixed32:
        this.#advance(4, message);
        return;
      default:
        this.fail(message, `the end of group ${tag >>> 3} without its start`);
    }
  }

  #skipGroup(startTag: number, message: string, depth: number): void {
    if (depth > groupDepthMax) this.fail(message, `groups nested deeper than ${groupDepthMax}`);
    const endTag = startTag - WireType.GroupStart + WireType.GroupEnd;
    for (;;) {
      const tag = this.tag(message);
      if (tag === endTag) return;
      this.#skip(tag, message, depth);
    }
  }

  #advance(count: number, what: string): void {
    if (count > this.#end - this.#position) this.fail(what, 'the bytes end within a field');
    this.#position += count;
  }

  /** Reads a length that does not exceed the remaining bytes. */
  #length(what: string): number {
    const start = this.#position;
    const length = this.#varintAsNumber(what);
    const left = this.#end - this.#position;
    if (length > left) {
      throw new RaftpbDecodeError(
        what,
        start,
        `the length is ${length}, but ${left} bytes are left`,
      );
    }
    return length;
  }

  /**
   * Reads a varint as a double, which is exact up to 2^53 - 1. Larger values stay above 2^53 - 1.
   */
  #varintAsNumber(what: string): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let position = this.#position;
    let value = 0;
    // Most numbers have at most four bytes, and then fit into a small integer of V8.
    for (let shift = 0; shift < 28 && position < end; shift += 7) {
      const byte = bytes[position++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#position = position;
        return value;
      }
    }
    this.#varint(what);
    return this.#high * twoToThe32 + this.#low;
  }

  /** Reads up to ten bytes into `#low` and `#high`. */
  #varint(what: string): void {
    const start = this.#position;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#next(what, start);
      const bits = byte & 0x7f;
      if (shift === 63 && bits > 1) break;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new RaftpbDecodeError(what, start, 'the number has more than 64 bits');
  }

  #next(what: string, start: number): number {
    if (this.#position >= this.#end) {
      throw new RaftpbDecodeError(what, start, 'the bytes end within a number');
    }
    return this.#bytes[this.#position++] ?? 0;
  }
}
