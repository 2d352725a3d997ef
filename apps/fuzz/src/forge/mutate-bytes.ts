/** Mutations that know nothing of the format. */
import type { SeededRandom } from '@babuza/testkit';
import { interestingNumber, varintOf } from './numbers.ts';

type Mutation = (bytes: Uint8Array, random: SeededRandom, other: Uint8Array) => Uint8Array;

export function joined(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** Two places of the bytes, the first not behind the second. Short pieces are more likely. */
function piece(bytes: Uint8Array, random: SeededRandom): [start: number, end: number] {
  const start = random.below(bytes.length + 1);
  const lengthMax = random.chance(0.5) ? 16 : bytes.length;
  return [start, Math.min(bytes.length, start + random.below(lengthMax + 1))];
}

const mutations: readonly [Mutation, ...Mutation[]] = [
  function flipBit(bytes, random) {
    const result = bytes.slice();
    const at = random.below(bytes.length);
    if (bytes.length > 0) result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
    return result;
  },
  function setByte(bytes, random) {
    const result = bytes.slice();
    if (bytes.length > 0) {
      result[random.below(bytes.length)] = random.chance(0.5)
        ? random.below(256)
        : Number(interestingNumber(random, bytes.length) & 0xffn);
    }
    return result;
  },
  setNumber,
  setNumber,
  function cut(bytes, random) {
    return bytes.slice(0, random.below(bytes.length + 1));
  },
  function leaveOut(bytes, random) {
    const [start, end] = piece(bytes, random);
    return joined(bytes.subarray(0, start), bytes.subarray(end));
  },
  function repeat(bytes, random) {
    const [start, end] = piece(bytes, random);
    const times = random.chance(0.1) ? 1 + random.below(64) : 1;
    const repeated = Array.from({ length: times }, () => bytes.subarray(start, end));
    return joined(bytes.subarray(0, end), ...repeated, bytes.subarray(end));
  },
  function insert(bytes, random) {
    const at = random.below(bytes.length + 1);
    return joined(bytes.subarray(0, at), random.bytes(1 + random.below(16)), bytes.subarray(at));
  },
  function insertVarint(bytes, random) {
    const at = random.below(bytes.length + 1);
    const varint = varintOf(interestingNumber(random, bytes.length), random.below(12));
    return joined(bytes.subarray(0, at), varint, bytes.subarray(at));
  },
  function copyOver(bytes, random) {
    const result = bytes.slice();
    const [start, end] = piece(bytes, random);
    result.copyWithin(random.below(bytes.length + 1), start, end);
    return result;
  },
  function zero(bytes, random) {
    return bytes.slice().fill(0, ...piece(bytes, random));
  },
  function append(bytes, random, other) {
    return joined(bytes, other.subarray(0, random.below(other.length + 1)));
  },
  function splice(bytes, random, other) {
    return joined(
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    );
  },
];

function setNumber(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const width = random.pick([2, 4, 8]);
  if (bytes.length < width) return bytes.slice();
  const result = bytes.slice();
  // Fields are at multiples of their width as a rule.
  const drawn = random.below(bytes.length - width + 1);
  const at = random.chance(0.7) ? drawn - (drawn % Math.min(width, 4)) : drawn;
  const value = interestingNumber(random, bytes.length);
  const isLittle = random.chance(0.5);
  for (let byte = 0; byte < width; byte += 1) {
    const place = isLittle ? byte : width - 1 - byte;
    result[at + place] = Number((value >> BigInt(8 * byte)) & 0xffn);
  }
  return result;
}

/** Changes the bytes once; `other` is another input of the same decoder. */
export function mutateBytes(
  bytes: Uint8Array,
  random: SeededRandom,
  other: Uint8Array,
): Uint8Array {
  return random.pick(mutations)(bytes, random, other);
}
