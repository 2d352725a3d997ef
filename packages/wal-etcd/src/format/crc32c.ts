/**
 * Chained CRC-32C: the checksum continues that of all bytes before, like `crc32.Update` in Go.
 * `crc32c(0, "123456789")` is E3069283.
 *
 * Larger inputs go to a native library if it is installed: an optional dependency with prebuilt
 * binaries. Below 512 bytes its call costs more than it saves. Without it the results are the same,
 * and 1 KB takes about twice as long; `docs/performance.md` has the figures.
 */
import { createRequire } from 'node:module';
import { crc32cByTable } from '@babuza/wal-core/backend';

type NativeCrc32c = (bytes: Uint8Array, previous: number) => number;

/** Smaller inputs are calculated by table. */
const nativeBytesMin = 512;

const native: NativeCrc32c | undefined = loadNative();

/** Continues the checksum `previous` over `bytes`, from `start` up to but not including `end`. */
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
    // The library is not installed, or has no binary for this platform.
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
