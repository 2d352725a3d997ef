/** An open segment file with its header. */
import type { SegmentFile } from '@babuza/wal-files';
import type { SegmentHeader } from '../format/segment-header.ts';
import type { Seal } from '../format/seal.ts';

export interface Segment extends SegmentFile {
  readonly header: SegmentHeader;
  /** Set when the segment is full; nothing is appended to it any more. */
  seal: Seal | undefined;
}
