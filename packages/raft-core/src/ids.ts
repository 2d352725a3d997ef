/**
 * Node ids and sets of them. A set is an immutable ascending array without repetitions. Sets are
 * small and change rarely, so copies are cheap, sharing is safe, and iteration needs no sorting.
 */

/** The id that stands for no node. */
export const none = 0n;
/** The address of the storage thread that makes entries, hard state and snapshots durable. */
export const localAppendThread: bigint = 2n ** 64n - 1n;
/** The address of the storage thread that applies committed entries. */
export const localApplyThread: bigint = 2n ** 64n - 2n;

/** Whether the id is the address of a storage thread and not of a node. */
export function isLocalThread(id: bigint): boolean {
  return id === localAppendThread || id === localApplyThread;
}

/** Ids in ascending order, each of them once. Immutable. */
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

/** The number of ids that are in exactly one of the sets. */
export function symmetricDifferenceCount(a: IdSet, b: IdSet): number {
  return a.filter((id) => !b.includes(id)).length + b.filter((id) => !a.includes(id)).length;
}

/** The numerical order of ids, for `sort`. */
export function ascending(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
