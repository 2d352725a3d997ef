/**
 * Mutations of protobuf messages: fields are repeated, left out, reordered, get other numbers and
 * other wire types, and embedded messages are mutated with right lengths around them.
 */
import type { SeededRandom } from '@babuza/testkit';
import { joined, mutateBytes } from './mutate-bytes.ts';
import { interestingNumber, varintOf } from './numbers.ts';

export interface Field {
  readonly tag: bigint;
  /** The number, or the bytes of any other field. */
  readonly value: bigint | Uint8Array;
}

const noBytes = new Uint8Array(0);

/** The fields, or `undefined` where the bytes are no message of numbers and pieces of bytes. */
export function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    const value = tag === undefined ? undefined : varint();
    if (tag === undefined || value === undefined) return undefined;
    if ((tag & 7n) === 0n) fields.push({ tag, value });
    else if ((tag & 7n) === 2n && value <= BigInt(bytes.length - at)) {
      fields.push({ tag, value: bytes.subarray(at, at + Number(value)) });
      at += Number(value);
    } else return undefined;
  }
  return fields;
}

export function bytesOf(fields: readonly Field[], random?: SeededRandom): Uint8Array {
  return joined(
    ...fields.flatMap(({ tag, value }) => {
      const padding = random?.chance(0.02) === true ? random.below(12) : 0;
      if (typeof value === 'bigint') return [varintOf(tag), varintOf(value, padding)];
      return [varintOf(tag), varintOf(BigInt(value.length), padding), value];
    }),
  );
}

function changedField(field: Field, random: SeededRandom, depth: number): Field {
  const { tag, value } = field;
  if (random.chance(0.1)) return { ...field, tag: (tag & ~7n) | BigInt(random.below(8)) };
  if (typeof value === 'bigint') return { tag, value: interestingNumber(random, 64) };
  return { tag, value: mutateFields(value, random, depth + 1) };
}

function mutateFields(bytes: Uint8Array, random: SeededRandom, depth: number): Uint8Array {
  const fields = fieldsOf(bytes);
  if (fields === undefined || depth > 8) return mutateBytes(bytes, random, noBytes);
  const at = random.below(fields.length);
  const field = fields[at];
  const kind = random.below(8);
  if (field === undefined || kind === 0) {
    const value = random.chance(0.5)
      ? interestingNumber(random, 64)
      : random.bytes(random.below(9));
    const wireType = typeof value === 'bigint' ? 0n : 2n;
    fields.push({ tag: (BigInt(1 + random.below(20)) << 3n) | wireType, value });
  } else if (kind === 1) fields.splice(at, 1);
  else if (kind === 2) {
    const times = random.chance(0.1) ? random.below(200) : 1;
    for (let time = 0; time < times; time += 1) fields.push(field);
  } else if (kind === 3) fields.unshift(...fields.splice(at));
  // A message in one of its own fields: what may nest is nested.
  else if (kind === 4 && typeof field.value !== 'bigint') fields.push({ ...field, value: bytes });
  else fields[at] = changedField(field, random, depth);
  return bytesOf(fields, random);
}

export function mutateProtobuf(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  return mutateFields(bytes, random, 0);
}
