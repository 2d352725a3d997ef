/**
 * `repeated uint64`: written unpacked with one tag per id, as every etcd does, and read packed,
 * unpacked or mixed.
 */

import type { Reader } from './reader.ts';
import { sizeOfId } from './size.ts';
import { tagBytes } from './tags.ts';
import { writeId } from './write.ts';

/** The size of all ids with their tags. Throws `RAFTPB_ENCODE` if an id does not fit 64 bits. */
export function sizeOfIdList(ids: readonly bigint[], what: string): number {
  let size = 0;
  for (const id of ids) size += tagBytes + sizeOfId(id, what);
  return size;
}

/** Writes all ids, each after `tag`, and returns the offset of their end. */
export function writeIdList(
  target: Uint8Array,
  offset: number,
  tag: number,
  ids: readonly bigint[],
): number {
  let end = offset;
  for (const id of ids) end = writeId(target, end, tag, id);
  return end;
}

/** Appends the ids of one packed field to `ids`. */
export function readPackedIds(reader: Reader, ids: bigint[], what: string): void {
  const outerEnd = reader.enter(what);
  while (reader.hasMore()) ids.push(reader.id(what));
  reader.leave(outerEnd);
}
