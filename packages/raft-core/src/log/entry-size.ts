/**
 * The two sizes of entries. The limits on messages and on entries that are handed out count encoded
 * bytes. The limits on entries in flight and on uncommitted entries count payload bytes, which are
 * the data alone.
 *
 * Source: etcd-io/raft `util.go`, `entsSize`, `payloadsSize` and `limitSize`.
 */

import { entryEncodedSize, type Entry } from '@babuza/raftpb';

export function payloadBytes(entry: Entry): number {
  return entry.data === undefined ? 0 : entry.data.length;
}

export function payloadsBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += payloadBytes(entry);
  return bytes;
}

export function encodedBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryEncodedSize(entry);
  return bytes;
}

/**
 * Returns how many entries of the positions [from, to) fit into `bytesMax` encoded: at least one,
 * unless there are none.
 */
export function fittingCount(
  entries: readonly Entry[],
  from: number,
  to: number,
  bytesMax: number,
): number {
  if (bytesMax === Infinity || to - from <= 1) return to - from;
  let bytes = 0;
  for (let at = from; at < to; at += 1) {
    const entry = entries[at];
    if (entry === undefined) return at - from;
    bytes += entryEncodedSize(entry);
    if (bytes > bytesMax && at > from) return at - from;
  }
  return to - from;
}
