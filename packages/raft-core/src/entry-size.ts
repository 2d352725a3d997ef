/**
 * The two sizes of entries. Limits on what is sent or handed out count the *encoding size*, limits
 * on what is in flight or uncommitted the *payload size* (the data alone).
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
 * How many entries from `from` up to, not including, `to` fit into `bytesMax` encoded: at least one
 * where there is one.
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
