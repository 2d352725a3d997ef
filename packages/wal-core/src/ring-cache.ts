/**
 * A cache of the newest entries, bounded by count and by bytes; when either bound is reached, the
 * oldest entries go. Payloads are copied into slabs of memory, so a cached entry never keeps the
 * buffer alive that it was saved from. A slab is reused after its last entry has gone, unless one
 * of its payloads was returned to a reader: then the slab is left to the readers, and their
 * payloads never change.
 *
 * Invariant: the cached indexes are consecutive, or there are none.
 */
import type { Entry, EntryType } from '@babuza/raftpb';
import { invariant } from './invariant.ts';
import { uninitializedBytes } from './memory.ts';

/** The bounds of a cache. */
export interface CacheLimits {
  /** Maximum number of entries. Default 1,024; 0 turns the cache off. */
  readonly entriesMax: number;
  /** Maximum bytes of payload. Default 1 MiB. A larger entry is not cached. */
  readonly bytesMax: number;
}

export const defaultCacheLimits: CacheLimits = { entriesMax: 1024, bytesMax: 1024 * 1024 };

/** Bytes of a slab. A payload of a quarter of it or more gets a buffer of its own. */
const slabBytes = 64 * 1024;

/** A piece of memory that holds the payloads of consecutive entries. */
interface Slab {
  readonly bytes: Uint8Array;
  used: number;
  /** Number of cached entries whose payload is in the slab. */
  live: number;
  /** Whether a payload of the slab was returned to a reader. It must then never be overwritten. */
  shared: boolean;
}

/** A cached entry. Slots are reused, so that an append allocates nothing. */
interface Slot {
  index: number;
  term: number;
  type: EntryType;
  /**
   * The slab that holds the payload from `start` on; `undefined` when the entry has no data, or the
   * slot has no entry.
   */
  slab: Slab | undefined;
  start: number;
  bytes: number;
}

export class RingCache {
  readonly #limits: CacheLimits;
  /** A ring buffer: the entry at `index` is in slot `index % entriesMax`. */
  readonly #slots: Slot[] = [];
  #firstIndex = 1;
  #count = 0;
  #bytes = 0;
  #slab: Slab | undefined;
  /** An unused slab, if there is one, that is filled next. */
  #spare: Slab | undefined;

  constructor(limits: CacheLimits = defaultCacheLimits) {
    this.#limits = limits;
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

  /** Bytes of payload in the cache. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns the entry at `index`, or `undefined` when it is not cached. */
  get(index: number): Entry | undefined {
    if (index < this.#firstIndex || index > this.lastIndex) return undefined;
    const { term, type, slab, start, bytes } = this.#slotOf(index);
    if (slab === undefined) return { index, term, type, data: undefined };
    slab.shared = true;
    return { index, term, type, data: slab.bytes.subarray(start, start + bytes) };
  }

  /**
   * Adds a copy of the entry. When its index does not follow the last one, the cache is emptied
   * first.
   */
  append(entry: Entry): void {
    const bytes = entry.data?.length ?? 0;
    if (this.#count === 0 || entry.index !== this.lastIndex + 1) this.#restartAt(entry.index);
    const { bytesMax, entriesMax } = this.#limits;
    if (bytes > bytesMax || entriesMax === 0) {
      this.#restartAt(entry.index + 1);
      return;
    }
    while (this.#count === entriesMax || this.#bytes + bytes > bytesMax) this.#dropFirst();
    const slot = this.#slotOf(entry.index);
    slot.index = entry.index;
    slot.term = entry.term;
    slot.type = entry.type;
    slot.bytes = bytes;
    slot.start = 0;
    if (entry.data !== undefined) this.#copy(entry.data, slot);
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

  /** Drops all entries. */
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
    const slot = this.#slotOf(index);
    invariant(slot.index === index, 'a cached entry must be in its slot', index, slot.index);
    this.#count -= 1;
    this.#bytes -= slot.bytes;
    const { slab } = slot;
    slot.slab = undefined;
    if (slab === undefined) return;
    slab.live -= 1;
    const reusable = slab.live === 0 && !slab.shared && slab.bytes.length === slabBytes;
    if (!reusable || slab === this.#slab) return;
    slab.used = 0;
    this.#spare = slab;
  }

  #slotOf(index: number): Slot {
    const at = index % this.#limits.entriesMax;
    let slot = this.#slots[at];
    if (slot === undefined) {
      slot = { index: 0, term: 0, type: 0, slab: undefined, start: 0, bytes: 0 };
      this.#slots[at] = slot;
    }
    return slot;
  }

  #copy(data: Uint8Array, slot: Slot): void {
    if (data.length >= slabBytes / 4) {
      // `Buffer.slice` returns a view, so the copy is made by the constructor.
      slot.slab = { bytes: new Uint8Array(data), used: data.length, live: 1, shared: false };
      return;
    }
    const slab =
      this.#slab !== undefined && this.#slab.used + data.length <= slabBytes
        ? this.#slab
        : this.#nextSlab();
    slab.bytes.set(data, slab.used);
    slot.slab = slab;
    slot.start = slab.used;
    slab.used += data.length;
    slab.live += 1;
  }

  #nextSlab(): Slab {
    const slab = this.#spare ?? {
      // Readers only get the filled part, so the memory need not be zeroed.
      bytes: uninitializedBytes(slabBytes),
      used: 0,
      live: 0,
      shared: false,
    };
    this.#spare = undefined;
    this.#slab = slab;
    return slab;
  }
}
