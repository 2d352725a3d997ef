/** Whether two decoded values are the same to everybody who uses them. */

/**
 * Compares data of all types that decoders give; the order of maps and sets does not count. It
 * differs from `isDeepStrictEqual` in two points: 0 and -0 are one number, as JSON makes one of
 * them, and a property that is `undefined` counts as absent.
 */
export function sameValue(one: unknown, other: unknown): boolean {
  if (one === other || Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object') return false;
  if (one === null || other === null) return false;
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return Buffer.compare(one, other) === 0;
  }
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  if (one instanceof Map && other instanceof Map) {
    const isSame = ([key, value]: [unknown, unknown]): boolean =>
      other.has(key) && sameValue(value, other.get(key));
    return one.size === other.size && [...one].every(isSame);
  }
  if (one instanceof Set && other instanceof Set) {
    return one.size === other.size && [...one].every((item) => other.has(item));
  }
  if (Array.isArray(one) && Array.isArray(other)) return sameList(one, other);
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => sameValue(Reflect.get(one, name), Reflect.get(other, name)));
}

function sameList(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => sameValue(item, other[at]));
}
