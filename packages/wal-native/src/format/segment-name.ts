/**
 * Names of files. A segment is `<segment id>-<salt>.wal` with 16 and 8 hexadecimal digits, so that
 * its salt can be compared with the header. A file that is not yet, or no longer, a segment ends in
 * `.tmp` and is never parsed.
 */
import type { SpareNames } from '@babuza/wal-files';

const segmentPattern = /^([0-9a-f]{16})-([0-9a-f]{8})\.wal$/;
const temporaryPattern = /^(?:spare|recycled)-[0-9a-f]{16}\.tmp$/;

export interface SegmentName {
  /** Ids start at 1 and are consecutive. */
  readonly segmentId: number;
  readonly salt: number;
  readonly fileName: string;
}

export function segmentName(segmentId: number, salt: number): SegmentName {
  return { segmentId, salt, fileName: `${hex(segmentId, 16)}-${hex(salt, 8)}.wal` };
}

/** Parses the name of a segment; `undefined` if it is another name. */
export function parseSegmentName(fileName: string): SegmentName | undefined {
  const match = segmentPattern.exec(fileName);
  if (match === null) return undefined;
  const segmentId = Number.parseInt(match[1] ?? '', 16);
  const salt = Number.parseInt(match[2] ?? '', 16);
  return Number.isSafeInteger(segmentId) && segmentId > 0
    ? { segmentId, salt, fileName }
    : undefined;
}

/** Names of files that are being prepared and of purged segments that will be reused. */
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
