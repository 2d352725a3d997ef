/**
 * The keys of a log in an ordered store. All keys of one group are together; in them come first the
 * few records that describe the log, then its entries in index order, so that one scan of a range
 * reads a log and a range of entries is a range of keys. The format is described in FORMAT.md.
 *
 * ```
 *   0        8      9            17
 *   +--------+------+------------+
 *   | group  | kind | index      |     big-endian; `index` only where the kind has one
 *   +--------+------+------------+
 * ```
 */
import { integerBytes, readInteger, viewOf, writeInteger } from './numbers.ts';

/**
 * What a key stands for. The numbers are the order of the keys in a group, and part of the format.
 */
export const KeyKind = {
  /** Format version and metadata, written once. */
  Header: 0x10,
  /**
   * The identity record: bytes of the node that say what the log belongs to. Absent in older logs.
   */
  Identity: 0x18,
  /** Hard state, bounds of the log, and what testifies to the records below: in each batch. */
  State: 0x20,
  /** A snapshot marker, by its index. */
  Marker: 0x30,
  /** The first entry of a term, by its index. */
  TermRun: 0x40,
  /** An entry, by its index. */
  Entry: 0x50,
} as const;
export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind];

const groupBytes = 8;
const shortKeyBytes = groupBytes + 1;
const longKeyBytes = shortKeyBytes + integerBytes;
/** Of the key of an entry. */
export const entryKeyBytes: number = longKeyBytes;

const longKinds: ReadonlySet<number> = new Set([KeyKind.Marker, KeyKind.TermRun, KeyKind.Entry]);

/** A key, taken apart. */
export interface ParsedKey {
  readonly kind: KeyKind;
  /** 0 where the kind has none. */
  readonly index: number;
}

/** A range of keys as abstract-level takes it. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** The keys of one group. Every call makes a key of its own, which a store may keep. */
export class GroupKeys {
  readonly groupId: bigint;
  readonly #prefix: Uint8Array;
  readonly header: Uint8Array;
  readonly identity: Uint8Array;
  readonly state: Uint8Array;
  /** What the keys of all entries begin with; the index follows. */
  readonly entryPrefix: Uint8Array;
  /** All keys of the group, also those that no kind explains. */
  readonly all: KeyRange;
  /** All but the entries. */
  readonly records: KeyRange;

  constructor(groupId: bigint) {
    this.groupId = groupId;
    this.#prefix = new Uint8Array(groupBytes);
    viewOf(this.#prefix).setBigUint64(0, groupId);
    this.header = this.#short(KeyKind.Header);
    this.identity = this.#short(KeyKind.Identity);
    this.state = this.#short(KeyKind.State);
    this.entryPrefix = this.#short(KeyKind.Entry);
    // Longer than any key of ours and made of the highest bytes: nothing in the group is above it,
    // and the next group, if there is one, starts above it.
    const end = new Uint8Array(longKeyBytes + groupBytes).fill(0xff);
    end.set(this.#prefix);
    this.all = { gte: this.#prefix, lt: end };
    this.records = { gte: this.#prefix, lt: this.entryPrefix };
  }

  marker(index: number): Uint8Array {
    return this.#long(KeyKind.Marker, index);
  }

  termRun(index: number): Uint8Array {
    return this.#long(KeyKind.TermRun, index);
  }

  entry(index: number): Uint8Array {
    return this.#long(KeyKind.Entry, index);
  }

  /** The entries from `first` on, below `end`. */
  entriesBetween(first: number, end: number): KeyRange {
    return { gte: this.entry(first), lt: this.entry(end) };
  }

  /** From the entry `first` to the end of the group, whatever is there. */
  fromEntry(first: number): KeyRange {
    return { gte: this.entry(first), lt: this.all.lt };
  }

  #short(kind: KeyKind): Uint8Array {
    const key = new Uint8Array(shortKeyBytes);
    key.set(this.#prefix);
    key[groupBytes] = kind;
    return key;
  }

  #long(kind: KeyKind, index: number): Uint8Array {
    const key = new Uint8Array(longKeyBytes);
    key.set(this.#prefix);
    key[groupBytes] = kind;
    writeInteger(viewOf(key), shortKeyBytes, index);
    return key;
  }
}

/** Takes a key apart, or returns `undefined` for one that is none of ours. */
export function parseKey(key: Uint8Array): ParsedKey | undefined {
  const kind = kindOf(key[groupBytes]);
  if (kind === undefined) return undefined;
  if (!longKinds.has(kind)) return key.length === shortKeyBytes ? { kind, index: 0 } : undefined;
  if (key.length !== longKeyBytes) return undefined;
  const index = readInteger(viewOf(key), shortKeyBytes);
  return Number.isSafeInteger(index) ? { kind, index } : undefined;
}

/** For people: what a key is, and its bytes. */
export function describeKey(key: Uint8Array): string {
  const hex = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex');
  return `the key ${hex}`;
}

function kindOf(byte: number | undefined): KeyKind | undefined {
  return Object.values(KeyKind).find((kind) => kind === byte);
}
