/**
 * Names of files. A segment is `<segment id>-<salt>.wal`, 16 and 8 hexadecimal digits: its salt is
 * known even where its header is not. Everything that is not a segment yet, or not any more, ends
 * in `.tmp` and is never parsed.
 */
import type { SpareNames } from '@babuza/wal-files';

const segmentPattern = /^([0-9a-f]{16})-([0-9a-f]{8})\.wal$/;
const temporaryPattern = /^(?:spare|recycled)-[0-9a-f]{16}\.tmp$/;

export interface SegmentName {
  /** From 1, one more for each segment. */
  readonly segmentId: number;
  readonly salt: number;
  readonly fileName: string;
}

export function segmentName(segmentId: number, salt: number): SegmentName {
  return { segmentId, salt, fileName: `${hex(segmentId, 16)}-${hex(salt, 8)}.wal` };
}

/** The parts of the name of a segment, or `undefined` where it is not one. */
export function parseSegmentName(fileName: string): SegmentName | undefined {
  const match = segmentPattern.exec(fileName);
  if (match === null) return undefined;
  const segmentId = Number.parseInt(match[1] ?? '', 16);
  const salt = Number.parseInt(match[2] ?? '', 16);
  return Number.isSafeInteger(segmentId) && segmentId > 0
    ? { segmentId, salt, fileName }
    : undefined;
}

/** Files that are being prepared, and those of purged segments that wait for their next use. */
export const spareNames: SpareNames = {
  spare: (segmentId) => `spare-${hex(segmentId, 16)}.tmp`,
  recycled: (segmentId) => `recycled-${hex(segmentId, 16)}.tmp`,
};

export function isTemporaryName(fileName: string): boolean {
  return temporaryPattern.test(fileName);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
