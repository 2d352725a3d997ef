/** How snapshots are stored. */
import { chunkBytesMax, chunkBytesMin, type SnapshotCodec } from './format/manifest.ts';
import { SnapshotError } from './snapshot-error.ts';

export interface SnapshotManagerOptions {
  /** `none` by default. What is sent is compressed in the same way. */
  readonly compression?: SnapshotCodec | undefined;
  /** For `deflate`: 1 (fast) to 9 (small); 6 by default. */
  readonly compressionLevel?: number | undefined;
  /**
   * Content that shares a checksum, in bytes; 256 KiB by default. About four times as much is held
   * in memory for each file that is written or read. Snapshots of other sizes are read as well.
   */
  readonly chunkBytes?: number | undefined;
  /**
   * The largest snapshot that is received, as stored, in bytes; a larger one is refused before its
   * first byte (`SNAPSHOT_TOO_LARGE`). 1 to 2^53 - 1, or `Infinity` for no limit but the disk.
   * Default `Infinity`.
   */
  readonly snapshotBytesMax?: number | undefined;
  /**
   * What a snapshot that is received must leave free on the disk, in bytes; one that would not is
   * refused before its first byte (`SNAPSHOT_NO_SPACE`). 0 to 2^53 - 1. Default 64 MiB.
   */
  readonly freeDiskBytesMin?: number | undefined;
}

/** The options with nothing left out. */
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

/** Throws `SNAPSHOT_INVALID` naming the option, what was given and what is allowed. */
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
  const room = { snapshotBytesMax, freeDiskBytesMin };
  return { codec: compression, level: compressionLevel, chunkBytes, ...room };
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  refuse(name, `an integer from ${min} to ${max}`, value);
}

function refuse(name: string, allowed: string, got: unknown): never {
  throw new SnapshotError('SNAPSHOT_INVALID', `${name} must be ${allowed}, got ${String(got)}`);
}
