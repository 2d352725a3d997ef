/**
 * Names of segments: `%016x-%016x.wal`, the sequence number and the index that the first entry is
 * expected to have. etcd reads them leniently: up to 16 hexadecimal digits each, so `9-ff.wal` is a
 * segment, and sorts behind all others. It scans the form from the front and looks apart from that
 * at the end of the name only: `1-2.wal.wal` is a segment, too.
 */
import type { SpareNames } from '@babuza/wal-files';

const pattern = /^([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})\.wal(?:.*\.wal)?$/s;
const temporaryPattern = /^[0-9]+\.tmp$/;

export interface SegmentName {
  readonly fileName: string;
  /** From 0, one more for each segment. */
  readonly sequence: bigint;
  /** The last saved index when the segment was begun, plus 1; 0 for the first segment. */
  readonly firstIndex: bigint;
}

export function segmentName(sequence: bigint, firstIndex: bigint): SegmentName {
  return { fileName: `${hex(sequence)}-${hex(firstIndex)}.wal`, sequence, firstIndex };
}

/** The parts of the name of a segment, or `undefined` where it is none. */
export function parseSegmentName(fileName: string): SegmentName | undefined {
  const match = pattern.exec(fileName);
  if (match === null) return undefined;
  return {
    fileName,
    sequence: BigInt(`0x${match[1]}`),
    firstIndex: BigInt(`0x${match[2]}`),
  };
}

/** Whether etcd says of a directory with such a file that there is a log. */
export function hasSegmentSuffix(fileName: string): boolean {
  return fileName.endsWith('.wal');
}

/**
 * The next segment, while it is prepared: etcd calls it `0.tmp` and `1.tmp` in turn. Never
 * recycled.
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
