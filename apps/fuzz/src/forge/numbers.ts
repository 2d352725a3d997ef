/** The numbers at which decoders go wrong. */
import type { SeededRandom } from '@babuza/testkit';

const powers = [7, 8, 14, 15, 16, 20, 21, 24, 28, 31, 32, 35, 40, 48, 52, 53, 56, 63, 64];

/**
 * Zero, one, around powers of two that are borders of types and encodings, and limits of the
 * formats.
 */
const borders: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  23n,
  24n,
  64n,
  96n,
  1024n,
  4096n,
  ...powers.flatMap((power) => [
    2n ** BigInt(power) - 1n,
    2n ** BigInt(power),
    2n ** BigInt(power) + 1n,
  ]),
].map((value) => BigInt.asUintN(64, value));

/** A number of 64 bits: a border, one near the length of the input, or any. */
export function interestingNumber(random: SeededRandom, inputBytes: number): bigint {
  switch (random.below(5)) {
    case 0:
      return BigInt(Math.max(0, inputBytes + random.below(17) - 8));
    case 1:
      return BigInt(random.below(256));
    case 2:
      return (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
    default:
      return borders[random.below(borders.length)] ?? 0n;
  }
}

/**
 * A varint; with `bytes` it is padded to that length, of which up to 10 are allowed and 11 are too
 * many.
 */
export function varintOf(value: bigint, bytes = 0): number[] {
  const result: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    result.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  result.push(Number(rest));
  while (result.length < bytes) {
    result[result.length - 1] = (result.at(-1) ?? 0) | 0x80;
    result.push(0);
  }
  return result;
}
