/**
 * Checks log matching: if two logs have an entry with the same index and term, all entries before
 * it are equal as well.
 */
import type { EntryStorage } from '@babuza/wal-core';

interface MemberLog {
  readonly id: bigint;
  readonly storage: EntryStorage;
}

/** Describes the first difference between two logs within the indexes that both contain. */
export function logsDiffer(logs: readonly MemberLog[]): string | undefined {
  for (const [at, one] of logs.entries()) {
    for (const other of logs.slice(at + 1)) {
      const difference = pairDiffers(one, other);
      if (difference !== undefined) return difference;
    }
  }
  return undefined;
}

function pairDiffers(one: MemberLog, other: MemberLog): string | undefined {
  const first = Math.max(one.storage.firstIndex(), other.storage.firstIndex());
  const last = Math.min(one.storage.lastIndex(), other.storage.lastIndex());
  let mustMatch = false;
  // From the end: once the terms agree, everything before must be equal.
  for (let index = last; index >= first; index -= 1) {
    const [a] = one.storage.entries(index, index + 1, Infinity);
    const [b] = other.storage.entries(index, index + 1, Infinity);
    mustMatch ||= a?.term === b?.term;
    const isSame =
      a?.term === b?.term &&
      a?.type === b?.type &&
      Buffer.compare(a?.data ?? new Uint8Array(0), b?.data ?? new Uint8Array(0)) === 0;
    if (mustMatch && !isSame) return `the logs of ${one.id} and ${other.id} differ at ${index}`;
  }
  return undefined;
}
