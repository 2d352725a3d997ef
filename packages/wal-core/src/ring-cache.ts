/**
 * The newest entries in memory, bounded by count and by bytes, whichever is reached first; the oldest
 * go. Payloads are copied into slabs, so a cached entry never pins the buffer that it was saved from;
 * a slab is filled once and never written again, so a payload that was handed out never changes.
 *
 * Invariant: the cache holds a run of consecutive indexes (or nothing).
 */
import type { Entry } from '@babuza/raftpb';
import { invariant } from './invariant.ts';

/** Bounds of the cache. */
export interface CacheLimits {
  /** At most this many entries. Default 1,024; 0 turns the cache off. */
  readonly entriesMax: number;
  /** At most this many bytes of payload. Default 1 MiB. A larger entry is not cached. */
  readonly bytesMax: number;
}

export const defaultCacheLimits: CacheLimits = { entriesMax: 1024, bytesMax: 1024 * 1024 };

/** Payloads from a quarter of this size on get a buffer of their own. */
const slabBytes = 64 * 1024;

export class RingCache {
  readonly #limits: CacheLimits;
  /** A ring: the entry at `index` is in slot `index % length`. */
  readonly #slots: (Entry | undefined)[];
  #firstIndex = 1;
  #count = 0;
  #bytes = 0;
  #slab: Uint8Array | undefined;
  #slabUsed = 0;

  constructor(limits: CacheLimits = defaultCacheLimits) {
    this.#limits = limits;
    this.#slots = Array.from({ length: limits.entriesMax });
  }

  /** The first cached index; `lastIndex + 1` when the cache is empty. */
  get firstIndex(): number {
    return this.#firstIndex;
  }

  get lastIndex(): number {
    return this.#firstIndex + this.#count - 1;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of payload that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The entry at `index`, or `undefined` where it is not cached. */
  get(index: number): Entry | undefined {
    if (index < this.#firstIndex || index > this.lastIndex) return undefined;
    return this.#slots[index % this.#slots.length];
  }

  /** Adds a copy of the entry; it follows the last one, or the cache starts anew with it. */
  append(entry: Entry): void {
    const bytes = entry.data?.length ?? 0;
    if (this.#count === 0 || entry.index !== this.lastIndex + 1) this.#restartAt(entry.index);
    if (bytes > this.#limits.bytesMax || this.#slots.length === 0) {
      this.#restartAt(entry.index + 1);
      return;
    }
    while (this.#count === this.#slots.length || this.#bytes + bytes > this.#limits.bytesMax) {
      this.#dropFirst();
    }
    this.#slots[entry.index % this.#slots.length] = {
      index: entry.index,
      term: entry.term,
      type: entry.type,
      data: entry.data === undefined ? undefined : this.#copy(entry.data),
    };
    this.#count += 1;
    this.#bytes += bytes;
  }

  /** Drops the entries at and above `index`. */
  truncateFrom(index: number): void {
    while (this.#count > 0 && this.lastIndex >= index) {
      this.#release(this.lastIndex);
    }
    if (this.#count === 0) this.#restartAt(index);
  }

  /** Drops the entries up to `index`. */
  compactTo(index: number): void {
    while (this.#count > 0 && this.#firstIndex <= index) this.#dropFirst();
    if (this.#count === 0) this.#restartAt(index + 1);
  }

  /** Drops all. */
  clear(): void {
    this.#restartAt(1);
  }

  #restartAt(index: number): void {
    while (this.#count > 0) this.#dropFirst();
    this.#firstIndex = index;
    this.#slab = undefined;
  }

  #dropFirst(): void {
    this.#release(this.#firstIndex);
    this.#firstIndex += 1;
  }

  #release(index: number): void {
    const slot = index % this.#slots.length;
    const entry = this.#slots[slot];
    invariant(entry?.index === index, 'a cached entry is in its slot', index, entry?.index);
    this.#slots[slot] = undefined;
    this.#count -= 1;
    this.#bytes -= entry.data?.length ?? 0;
  }

  /** Never `data.slice()`: of a `Buffer` that is a view. */
  #copy(data: Uint8Array): Uint8Array {
    if (data.length >= slabBytes / 4) return new Uint8Array(data);
    if (this.#slab === undefined || this.#slabUsed + data.length > slabBytes) {
      this.#slab = new Uint8Array(slabBytes);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += data.length;
    this.#slab.set(data, start);
    return this.#slab.subarray(start, this.#slabUsed);
  }
}
