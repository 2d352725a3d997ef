/**
 * etcd's rule for a write that was interrupted: the bytes of a record, cut at the sectors of the
 * file, and one of the pieces is all zeros. The file was zeros before, so that sector was never
 * written. The first piece starts behind the length field. It only counts in the last file of a
 * log.
 */
import { sectorBytes } from '../format/layout.ts';

/** `bytes` are those of the record with its padding, which lie at `fileOffset`. */
export function isTornRecord(bytes: Uint8Array, fileOffset: number): boolean {
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + sectorBytes - ((fileOffset + start) % sectorBytes));
    if (bytes.subarray(start, end).every((byte) => byte === 0)) return true;
    start = end;
  }
  return false;
}
