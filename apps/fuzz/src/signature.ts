/**
 * Distinguishes paths through a decoder without instrumentation: by the error message without
 * numbers and names, or by the shape of the value. An input with a new signature is kept and
 * mutated again.
 */
import type { Outcome } from './decoder.ts';

const depthMax = 4;

export function signatureOf(outcome: Outcome): string {
  if (outcome.kind === 'value') return `value ${shapeOf(outcome.value, 0)}`;
  return `refused ${errorSignature(outcome.error)}`;
}

export function errorSignature(error: unknown): string {
  if (!(error instanceof Error)) return `thrown ${typeof error}`;
  const code = 'code' in error ? String(error.code) : '';
  return `${error.name} ${code} ${error.message.replaceAll(/[0-9a-f]{8,}|\d+|'[^']*'|"[^"]*"/gi, '#').slice(0, 200)}`;
}

const bucketOf = (size: number): number => (size <= 2 ? size : 2 + Math.ceil(Math.log2(size)));

function shapeOf(value: unknown, depth: number): string {
  if (depth > depthMax) return '…';
  switch (typeof value) {
    case 'number':
      return numberShape(value);
    case 'bigint':
      return `i${Math.ceil(value.toString(2).length / 16)}`;
    case 'string':
      return `s${Math.min(6, bucketOf(value.length))}`;
    case 'object':
      return value === null ? 'null' : objectShape(value, depth);
    default:
      return String(value).slice(0, 20);
  }
}

function numberShape(value: number): string {
  if (!Number.isSafeInteger(value)) return 'n?';
  return value <= 7 ? `n${value}` : `n${Math.ceil(Math.log2(value) / 8)}b`;
}

function objectShape(value: object, depth: number): string {
  if (value instanceof Uint8Array) return `b${Math.min(8, bucketOf(value.length))}`;
  if (Array.isArray(value)) return listShape('a', value, depth);
  if (value instanceof Map) return listShape('m', [...value.values()], depth);
  if (value instanceof Set) return listShape('t', [...value], depth);
  const fields = Object.entries(value).map(([key, each]) => `${key}:${shapeOf(each, depth + 1)}`);
  return `{${fields.join()}}`;
}

/** The signature of a list: its length, and the distinct shapes of its items. */
function listShape(kind: string, items: readonly unknown[], depth: number): string {
  const shapes = new Set(items.slice(0, 16).map((item) => shapeOf(item, depth + 1)));
  return `${kind}${bucketOf(items.length)}[${[...shapes].sort().join()}]`;
}
