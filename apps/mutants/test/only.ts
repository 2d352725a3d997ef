/** The single element of a list. Throws where there are more or none. */
export function only<T>(list: readonly T[]): T {
  const [first] = list;
  if (first === undefined || list.length > 1) {
    throw new RangeError(`one element was expected, the list has ${list.length}`);
  }
  return first;
}
