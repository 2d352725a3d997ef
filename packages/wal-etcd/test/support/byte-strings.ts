/** The byte strings of specifications: literal ones, generated ones, and small messages of etcd. */

type Number64 = string | number;

interface ConfChange {
  readonly id: Number64;
  readonly type: number;
  readonly nodeId: Number64;
  readonly context?: ByteString;
}

interface ConfChangeV2 {
  readonly transition: number;
  readonly changes?: readonly { readonly type: number; readonly nodeId: Number64 }[];
  readonly context?: ByteString;
}

/** `null`: the field is absent. */
export type ByteString =
  | null
  | { readonly text: string }
  | { readonly b64: string }
  | { readonly hex: string }
  | { readonly seed: number; readonly size: number; readonly period: number }
  | { readonly confChange: ConfChange }
  | { readonly confChangeV2: ConfChangeV2 }
  | { readonly etcdMetadata: { readonly nodeId: Number64; readonly clusterId: Number64 } };

export function bytesOf(spec: ByteString | undefined): Uint8Array | undefined {
  if (spec === null || spec === undefined) return undefined;
  if ('text' in spec) return Buffer.from(spec.text);
  if ('b64' in spec) return Buffer.from(spec.b64, 'base64');
  if ('hex' in spec) return Buffer.from(spec.hex, 'hex');
  if ('seed' in spec) return generated(spec.seed, spec.size, spec.period);
  if ('confChange' in spec) {
    const { id, type, nodeId, context } = spec.confChange;
    return message([0x08, id], [0x10, type], [0x18, nodeId], [0x22, bytesOf(context)]);
  }
  if ('confChangeV2' in spec) {
    const { transition, changes = [], context } = spec.confChangeV2;
    return message(
      [0x08, transition],
      ...changes.map(({ type, nodeId }): Field => [0x12, message([0x08, type], [0x10, nodeId])]),
      [0x1a, bytesOf(context)],
    );
  }
  const { nodeId, clusterId } = spec.etcdMetadata;
  return message([0x08, nodeId], [0x10, clusterId]);
}

/**
 * The bytes of a 32-bit xorshift. If `period` is not 0, only the first `period` bytes are used,
 * repeatedly.
 */
export function generated(seed: number, size: number, period: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const made = period > 0 && period < size ? period : size;
  let x = seed >>> 0 === 0 ? 0x9e3779b9 : seed >>> 0;
  for (let at = 0; at < made; at += 1) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[at] = x & 255;
  }
  for (let at = made; at < size; at += made) bytes.copyWithin(at, 0, Math.min(made, size - at));
  return bytes;
}

/** A tag and a number or bytes; `undefined` fields are absent. */
type Field = readonly [tag: number, value: Number64 | Uint8Array | undefined];

function message(...fields: readonly Field[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [tag, value] of fields) {
    if (value === undefined) continue;
    if (typeof value === 'object') {
      parts.push(Uint8Array.of(tag), varint(BigInt(value.length)), value);
    } else parts.push(Uint8Array.of(tag), varint(BigInt(value)));
  }
  return Buffer.concat(parts);
}

export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
