/**
 * Node ids, and sets of them. A set is a sorted array without repetitions that nobody changes: sets
 * are small and change rarely, so copies are cheap, sharing is safe, and iteration is always
 * ascending without sorting anything at the time.
 */

/** No node. */
export const none = 0n;
/** The address of the storage thread that makes entries, hard state and snapshots durable. */
export const localAppendThread: bigint = 2n ** 64n - 1n;
/** The address of the storage thread that applies committed entries. */
export const localApplyThread: bigint = 2n ** 64n - 2n;

/** Whether the id is the address of a storage thread, not of a node. */
export function isLocalThread(id: bigint): boolean {
  return id === localAppendThread || id === localApplyThread;
}

/** Ids in ascending numerical order, each once. Immutable. */
export type IdSet = readonly bigint[];

export const emptyIdSet: IdSet = Object.freeze([]);

export function idSetOf(ids: Iterable<bigint>): IdSet {
  return [...new Set(ids)].sort(ascending);
}

export function withId(set: IdSet, id: bigint): IdSet {
  return set.includes(id) ? set : [...set, id].sort(ascending);
}

export function withoutId(set: IdSet, id: bigint): IdSet {
  return set.includes(id) ? set.filter((other) => other !== id) : set;
}

export function union(a: IdSet, b: IdSet): IdSet {
  return b.length === 0 ? a : idSetOf([...a, ...b]);
}

/** How many ids are in one of the sets only. */
export function symmetricDifferenceCount(a: IdSet, b: IdSet): number {
  return a.filter((id) => !b.includes(id)).length + b.filter((id) => !a.includes(id)).length;
}

/** Compares ids as the unsigned numbers that they are, for `sort`. */
export function ascending(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
