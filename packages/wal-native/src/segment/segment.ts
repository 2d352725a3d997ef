/** A segment file that is open: what its header says, and the handle that reads and writes it. */
import type { SegmentFile } from '@babuza/wal-files';
import type { SegmentHeader } from '../format/segment-header.ts';
import type { Seal } from '../format/seal.ts';

export interface Segment extends SegmentFile {
  readonly header: SegmentHeader;
  /** Set when the segment is full: nothing follows in it. */
  seal: Seal | undefined;
}
