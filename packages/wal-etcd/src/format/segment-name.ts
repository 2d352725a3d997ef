/**
 * Names of segments: `%016x-%016x.wal`, the sequence number and the index that the first entry is
 * expected to have. Like etcd (`parseWALName`), up to 16 hexadecimal digits are accepted for each,
 * so `9-ff.wal` is a segment, and sorts after all others. etcd scans the pattern from the start of
 * the name and checks the suffix separately, so `1-2.wal.wal` is a segment too.
 */
import type { SpareNames } from '@babuza/wal-files';

const pattern = /^([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})\.wal(?:.*\.wal)?$/s;
const temporaryPattern = /^[0-9]+\.tmp$/;

export interface SegmentName {
  readonly fileName: string;
  /** The sequence number, from 0 on. */
  readonly sequence: bigint;
  /** One above the last saved index when the segment was created; 0 for the first segment. */
  readonly firstIndex: bigint;
}

export function segmentName(sequence: bigint, firstIndex: bigint): SegmentName {
  return { fileName: `${hex(sequence)}-${hex(firstIndex)}.wal`, sequence, firstIndex };
}

/** Parses the name of a segment. Returns `undefined` if it is not one. */
export function parseSegmentName(fileName: string): SegmentName | undefined {
  const match = pattern.exec(fileName);
  if (match === null) return undefined;
  return {
    fileName,
    sequence: BigInt(`0x${match[1]}`),
    firstIndex: BigInt(`0x${match[2]}`),
  };
}

/** Whether etcd considers a directory with such a file to have a log. */
export function hasSegmentSuffix(fileName: string): boolean {
  return fileName.endsWith('.wal');
}

/**
 * The name of a segment that is being prepared. Like etcd, it is `0.tmp` and `1.tmp` in turn.
 * Segments are never recycled.
 */
export const spareNames: SpareNames = {
  spare: (segmentId) => `${segmentId % 2}.tmp`,
  recycled: (segmentId) => `${segmentId % 2}.tmp`,
};

export function isTemporaryName(fileName: string): boolean {
  return temporaryPattern.test(fileName);
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
