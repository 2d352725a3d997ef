/**
 * The keys of a log in an ordered store. All keys of a group are adjacent: first the few records
 * that describe the log, then its entries in the order of their indexes. So one scan of a range
 * reads a log, and a range of entries is a range of keys. FORMAT.md describes the format.
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
 * The kinds of keys. The numbers define the order of the keys within a group and are part of the
 * format.
 */
export const KeyKind = {
  /** The format version and the metadata. Written once. */
  Header: 0x10,
  /** The identity record: bytes with which the node identifies its log. Older logs have none. */
  Identity: 0x18,
  /**
   * The hard state, the bounds of the log, and digests of the records below. Every batch rewrites
   * it.
   */
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
/** The length of the key of an entry. */
export const entryKeyBytes: number = longKeyBytes;

const longKinds: ReadonlySet<number> = new Set([KeyKind.Marker, KeyKind.TermRun, KeyKind.Entry]);

/** A parsed key. */
export interface ParsedKey {
  readonly kind: KeyKind;
  /** 0 if the kind has no index. */
  readonly index: number;
}

/** A range of keys in the form that abstract-level accepts. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** The keys of one group. Every call returns a new array, which a store may keep. */
export class GroupKeys {
  readonly groupId: bigint;
  readonly #prefix: Uint8Array;
  readonly header: Uint8Array;
  readonly identity: Uint8Array;
  readonly state: Uint8Array;
  /** The common prefix of the keys of all entries. The index follows it. */
  readonly entryPrefix: Uint8Array;
  /** All keys of the group, including keys of unknown kinds. */
  readonly all: KeyRange;
  /** All records except the entries. */
  readonly records: KeyRange;

  constructor(groupId: bigint) {
    this.groupId = groupId;
    this.#prefix = new Uint8Array(groupBytes);
    viewOf(this.#prefix).setBigUint64(0, groupId);
    this.header = this.#short(KeyKind.Header);
    this.identity = this.#short(KeyKind.Identity);
    this.state = this.#short(KeyKind.State);
    this.entryPrefix = this.#short(KeyKind.Entry);
    // This bound is longer than any key of a log and consists of the highest bytes, so every key of
    // the group is below it and every key of the next group above it.
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

  /** The entries from `first`, inclusive, to `end`, exclusive. */
  entriesBetween(first: number, end: number): KeyRange {
    return { gte: this.entry(first), lt: this.entry(end) };
  }

  /** Everything from the entry `first` to the end of the group, including unknown keys. */
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

/** Parses a key. Returns `undefined` if it is not a key of a log. */
export function parseKey(key: Uint8Array): ParsedKey | undefined {
  const kind = kindOf(key[groupBytes]);
  if (kind === undefined) return undefined;
  if (!longKinds.has(kind)) return key.length === shortKeyBytes ? { kind, index: 0 } : undefined;
  if (key.length !== longKeyBytes) return undefined;
  const index = readInteger(viewOf(key), shortKeyBytes);
  return Number.isSafeInteger(index) ? { kind, index } : undefined;
}

/** Describes a key for error messages. */
export function describeKey(key: Uint8Array): string {
  const hex = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex');
  return `the key ${hex}`;
}

function kindOf(byte: number | undefined): KeyKind | undefined {
  return Object.values(KeyKind).find((kind) => kind === byte);
}
