/**
 * CRC-32C, chained: the value that goes in is that of everything before, as with `crc32.Update` in
 * Go. `crc32c(0, "123456789")` is E3069283.
 *
 * A native library does larger pieces where it is installed: an optional dependency with shipped
 * binaries. Below 512 bytes its call costs more than it saves. Without it everything is the same,
 * and 1 KB takes about twice as long: `docs/performance.md` has the figures.
 */
import { createRequire } from 'node:module';
import { crc32cByTable } from '@babuza/wal-core';

type NativeCrc32c = (bytes: Uint8Array, previous: number) => number;

/** Smaller pieces are done by table. */
const nativeBytesMin = 512;

const native: NativeCrc32c | undefined = loadNative();

/** Continues `previous` over `bytes` from `start` up to, not including, `end`. */
export function crc32c(
  previous: number,
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): number {
  return native !== undefined && end - start >= nativeBytesMin
    ? native(bytes.subarray(start, end), previous)
    : crc32cByTable(previous, bytes, start, end);
}

function loadNative(): NativeCrc32c | undefined {
  try {
    const loaded: unknown = createRequire(import.meta.url)('@node-rs/crc32');
    if (!hasCrc32c(loaded)) return undefined;
    const check = new TextEncoder().encode('123456789');
    return loaded.crc32c(check, 0) === crc32cByTable(0, check, 0, check.length)
      ? loaded.crc32c
      : undefined;
  } catch {
    // Not installed, or no binary for this platform.
    return undefined;
  }
}

function hasCrc32c(loaded: unknown): loaded is { readonly crc32c: NativeCrc32c } {
  return (
    typeof loaded === 'object' &&
    loaded !== null &&
    'crc32c' in loaded &&
    typeof loaded.crc32c === 'function'
  );
}
