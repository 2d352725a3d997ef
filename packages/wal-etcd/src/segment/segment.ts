/** An open segment file. */
import type { File } from '@babuza/vfs';
import type { SegmentFile } from '@babuza/wal-files';
import type { SegmentName } from '../format/segment-name.ts';

export interface OpenSegment extends SegmentFile {
  readonly name: SegmentName;
}

/** A segment whose entries can be read. */
export interface EtcdSegment extends OpenSegment {
  /** The checksum that the first record continues; 0 for the first segment that is read. */
  readonly startChecksum: number;
}

/**
 * The position of an entry is that of the record before it. This value means that there is no
 * record before it in the segment.
 */
export const startOfSegment: number = (2 ** 32 - 1) * 8;

export function segmentOf(path: string, name: SegmentName, file: File): OpenSegment {
  const segmentId = Number(name.sequence);
  return { segmentId, path, fileName: name.fileName, file, name };
}
