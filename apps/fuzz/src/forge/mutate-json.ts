/** Mutations of JSON texts: values are replaced, left out, repeated and nested. */
import type { SeededRandom } from '@babuza/testkit';
import { mutateBytes } from './mutate-bytes.ts';

const texts: readonly [string, ...string[]] = [
  '0',
  '-1',
  '-0',
  '1',
  '1.5',
  '1e308',
  '1e999',
  '9007199254740991',
  '9007199254740992',
  '4294967296',
  '18446744073709551615',
  '""',
  '"0"',
  '"1"',
  '"-1"',
  '"18446744073709551615"',
  '"18446744073709551616"',
  '"99999999999999999999"',
  '"00000000000000000001"',
  '"\\ud800"',
  '"\\u0000"',
  '"voter"',
  '"constructor"',
  'null',
  'true',
  'false',
  '[]',
  '{}',
  '[null]',
  '[[[[[[]]]]]]',
  '{"__proto__":{"version":1}}',
  '{"length":4294967295}',
];

type Container = Record<string, unknown> | unknown[];

function containersOf(value: unknown): Container[] {
  if (typeof value !== 'object' || value === null) return [];
  const container = value as Container;
  return [container, ...Object.values(container).flatMap(containersOf)];
}

function changeOne(root: unknown, random: SeededRandom): void {
  const containers = containersOf(root);
  const container = containers[random.below(containers.length)];
  if (container === undefined) return;
  const keys = Object.keys(container);
  const key = keys[random.below(keys.length)] ?? 'version';
  const value: unknown = Reflect.get(container, key);
  const kind = random.below(5);
  if (kind === 0 && Array.isArray(container)) container.splice(Number(key), 1);
  else if (kind === 0) Reflect.deleteProperty(container, key);
  else if (kind === 1 && Array.isArray(container)) container.push(structuredClone(value));
  else if (kind === 2) Reflect.set(container, key, [structuredClone(value)]);
  else Reflect.set(container, key, JSON.parse(random.pick(texts)));
}

const encoder = new TextEncoder();

export function mutateJson(bytes: Uint8Array, random: SeededRandom, other: Uint8Array): Uint8Array {
  if (random.chance(0.15)) return mutateBytes(bytes, random, other);
  const text = Buffer.from(bytes).toString();
  // A text in place of a number or another text, which may have a form that `stringify` never
  // gives.
  if (random.chance(0.3)) {
    const places = [...text.matchAll(/-?\d+(?:\.\d+)?|"[^"]*"/g)];
    const place = places[random.below(places.length)];
    if (place === undefined) return mutateBytes(bytes, random, other);
    const end = place.index + place[0].length;
    return encoder.encode(text.slice(0, place.index) + random.pick(texts) + text.slice(end));
  }
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return mutateBytes(bytes, random, other);
  }
  changeOne(root, random);
  return encoder.encode(JSON.stringify(root));
}
