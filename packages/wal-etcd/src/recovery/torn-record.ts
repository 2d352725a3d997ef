/**
 * etcd's rule for an interrupted write (`server/storage/wal/decoder.go`, `isTornEntry`): the bytes
 * of a record are divided at the sector boundaries of the file, and one of the parts is all zeros.
 * New segments are filled with zeros, so that sector was never written. The first part starts after
 * the length field. The rule applies to the last segment of a log only.
 */
import { sectorBytes } from '../format/layout.ts';

/** `bytes` is the record with its padding, which lies at `fileOffset`. */
export function isTornRecord(bytes: Uint8Array, fileOffset: number): boolean {
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + sectorBytes - ((fileOffset + start) % sectorBytes));
    if (bytes.subarray(start, end).every((byte) => byte === 0)) return true;
    start = end;
  }
  return false;
}
