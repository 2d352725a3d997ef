/** The options of a snapshot manager. */
import { chunkBytesMax, chunkBytesMin, type SnapshotCodec } from './format/manifest.ts';
import { SnapshotError } from './snapshot-error.ts';

export interface SnapshotManagerOptions {
  /** How chunks are compressed, on disk and when they are sent. Default `none`. */
  readonly compression?: SnapshotCodec | undefined;
  /** The level of `deflate`. Default 6; 1 (fast) to 9 (small). */
  readonly compressionLevel?: number | undefined;
  /**
   * How many bytes of content share a checksum. Default 256 KiB; 512 bytes to 1 MiB. A file that is
   * written or read takes about four times as much memory. Snapshots with other sizes can be read.
   */
  readonly chunkBytes?: number | undefined;
  /**
   * The largest snapshot that is received, in bytes as stored. A larger one is refused before its
   * first byte (`SNAPSHOT_TOO_LARGE`). Default `Infinity`, which means that only the disk is a
   * limit; otherwise 1 to 2^53 - 1.
   */
  readonly snapshotBytesMax?: number | undefined;
  /**
   * How many bytes a received snapshot must leave free on the disk. One that would leave less is
   * refused before its first byte (`SNAPSHOT_NO_SPACE`). Default 64 MiB; 0 to 2^53 - 1.
   */
  readonly freeDiskBytesMin?: number | undefined;
}

/** The options with their defaults. */
export interface StorageForm {
  readonly codec: SnapshotCodec;
  readonly level: number;
  readonly chunkBytes: number;
  readonly snapshotBytesMax: number;
  readonly freeDiskBytesMin: number;
}

const optionNames: ReadonlySet<string> = new Set([
  'compression',
  'compressionLevel',
  'chunkBytes',
  'snapshotBytesMax',
  'freeDiskBytesMin',
]);

/**
 * Fills in the defaults. Throws `SNAPSHOT_INVALID`, which names the option, the value, and the
 * values that are allowed.
 */
export function checkedForm(options: SnapshotManagerOptions = {}): StorageForm {
  if (typeof options !== 'object' || options === null) refuse('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name)) refuse('option', [...optionNames].join(', '), name);
  }
  const { compression = 'none', compressionLevel = 6, chunkBytes = 256 * 1024 } = options;
  const { snapshotBytesMax = Infinity, freeDiskBytesMin = 64 * 1024 * 1024 } = options;
  if (compression !== 'none' && compression !== 'deflate') {
    refuse('compression', 'none or deflate', compression);
  }
  checkInteger('compressionLevel', compressionLevel, 1, 9);
  checkInteger('chunkBytes', chunkBytes, chunkBytesMin, chunkBytesMax);
  if (snapshotBytesMax !== Infinity) {
    checkInteger('snapshotBytesMax', snapshotBytesMax, 1, Number.MAX_SAFE_INTEGER);
  }
  checkInteger('freeDiskBytesMin', freeDiskBytesMin, 0, Number.MAX_SAFE_INTEGER);
  const limits = { snapshotBytesMax, freeDiskBytesMin };
  return { codec: compression, level: compressionLevel, chunkBytes, ...limits };
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  refuse(name, `an integer from ${min} to ${max}`, value);
}

function refuse(name: string, allowed: string, got: unknown): never {
  throw new SnapshotError('SNAPSHOT_INVALID', `${name} must be ${allowed}, got ${String(got)}`);
}
