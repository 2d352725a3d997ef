/** Helpers for handwritten bytes: hexadecimal text, varints, and unknown fields. */

import * as fc from 'fast-check';

/** `'08 01'` as bytes. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(' ').filter(Boolean), (pair) => Number.parseInt(pair, 16));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A varint of the protobuf specification, padded with redundant bytes up to `lengthMin`. */
export function varint(value: bigint, lengthMin = 1): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80n || out.length + 1 < lengthMin) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

export function tag(fieldNumber: number, wireType: number): Uint8Array {
  return varint((BigInt(fieldNumber) << 3n) | BigInt(wireType));
}

/** Field numbers that no message of this package has. */
const unknownNumber = fc.oneof(
  fc.integer({ min: 15, max: 40 }),
  fc.constantFrom(2 ** 29 - 1, 5000),
);

/** One unknown field of any wire type; groups hold more of them. */
const unknownField = fc.letrec<{ field: Uint8Array; group: Uint8Array }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .tuple(unknownNumber, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
      .map(([number, value]) => concat(tag(number, 0), varint(value))),
    fc
      .tuple(unknownNumber, fc.uint8Array({ minLength: 8, maxLength: 8 }))
      .map(([number, value]) => concat(tag(number, 1), value)),
    fc
      .tuple(unknownNumber, fc.uint8Array({ maxLength: 140 }))
      .map(([number, value]) => concat(tag(number, 2), varint(BigInt(value.length)), value)),
    fc
      .tuple(unknownNumber, fc.uint8Array({ minLength: 4, maxLength: 4 }))
      .map(([number, value]) => concat(tag(number, 5), value)),
    tie('group'),
  ),
  group: fc
    .tuple(unknownNumber, fc.array(tie('field'), { maxLength: 3 }))
    .map(([number, fields]) => concat(tag(number, 3), ...fields, tag(number, 4))),
}));

export const unknownFields: fc.Arbitrary<Uint8Array> = fc
  .array(unknownField.field, { maxLength: 4 })
  .map((fields) => concat(...fields));
