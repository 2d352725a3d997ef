/**
 * Inputs of targets that open a whole log: which log it is, and edits of its files. So an input
 * stays small, and is the same forged directory whenever it is run.
 *
 * ```
 *   0              1
 *   +--------------+------+------+-------+-------+-------+-------+--
 *   | log, 0x80:   | kind | file | where | field | value | more  | …     eight bytes for each edit
 *   | no checksums | 1    | 1    | 2     | 1     | 1     | 2     |
 *   +--------------+------+------+-------+-------+-------+-------+--
 * ```
 */

/** Names of files in a directory, and their contents. */
export type LogFiles = Map<string, Uint8Array>;

export interface Edit {
  readonly kind: number;
  readonly file: number;
  readonly where: number;
  readonly field: number;
  /** Up to 63: one of `values`. Above: what is there, plus the value less 160. */
  readonly value: number;
  readonly more: number;
}

/** A number in a file: its offset from where the field's owner begins, and its width in bytes. */
export type Field = readonly [offset: number, width: 1 | 2 | 4 | 8];

const editBytes = 8;
const editsMax = 12;
const unsealedFlag = 0x80;
const valueCount = 64;
const deltaOrigin = 160;

const powers = [7, 8, 12, 13, 14, 15, 16, 24, 31, 32, 40, 48, 52, 53, 56, 63];

/** Zero to three, around powers of two, and all bits. */
export const values: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  ...powers.flatMap((power) => [2n ** BigInt(power) - 1n, 2n ** BigInt(power)]),
  2n ** 64n - 1n,
  2n ** 53n + 1n,
  40n,
  64n,
  80n,
  8192n,
  16_384n - 64n,
  16_384n + 1n,
];

export interface Forgery {
  readonly log: number;
  readonly isSealed: boolean;
  readonly edits: readonly Edit[];
}

export function forgeryOf(input: Uint8Array): Forgery {
  const head = input[0] ?? 0;
  const edits: Edit[] = [];
  for (let at = 1; at + editBytes <= input.length && edits.length < editsMax; at += editBytes) {
    const [kind = 0, file = 0, low = 0, high = 0, field = 0, value = 0, more = 0, most = 0] =
      input.subarray(at, at + editBytes);
    edits.push({ kind, file, where: low + 256 * high, field, value, more: more + 256 * most });
  }
  return { log: head & 0x7f, isSealed: (head & unsealedFlag) === 0, edits };
}

export function inputOf(log: number, edits: readonly Edit[] = []): Uint8Array {
  const bytes = edits.flatMap(({ kind, file, where, field, value, more }) => [
    kind,
    file,
    where & 0xff,
    where >> 8,
    field,
    value,
    more & 0xff,
    more >> 8,
  ]);
  return Uint8Array.from([log, ...bytes]);
}

/**
 * Sets a little-endian number as the edit says; nothing where the field lies outside of the bytes.
 */
export function setField(
  bytes: Uint8Array,
  owner: number,
  [offset, width]: Field,
  value: number,
): void {
  const at = owner + offset;
  if (at < 0 || at + width > bytes.length) return;
  let number = values[value % values.length] ?? 0n;
  if (value >= valueCount) {
    number = BigInt(value - deltaOrigin);
    for (let byte = 0; byte < width; byte += 1) {
      number += BigInt(bytes[at + byte] ?? 0) << BigInt(8 * byte);
    }
  }
  for (let byte = 0; byte < width; byte += 1) {
    bytes[at + byte] = Number((number >> BigInt(8 * byte)) & 0xffn);
  }
}

/** The item with this number, counted round and round. */
export function itemAt<Item>(items: readonly Item[], number: number): Item | undefined {
  return items[number % Math.max(1, items.length)];
}
