/**
 * Seals a full segment: index footer and trailer at the end of the file, durable before it returns.
 */
import { positionAlignmentBytes, type PositionIndex } from '@babuza/wal-core';
import { trailerBytes } from '../format/layout.ts';
import { decodeTrailer, encodeSeal, type Seal } from '../format/seal.ts';
import type { Segment } from './segment.ts';

/** The index holds what is still live of the segment's entries: that is what the footer lists. */
export async function sealSegment(
  segment: Segment,
  index: PositionIndex,
  facts: Pick<Seal, 'framesEnd' | 'lastBatchNumber' | 'nextSalt'>,
): Promise<void> {
  const runs = index.offsetsIn(segment.header.segmentId).map(({ firstIndex, offsets }) => ({
    firstIndex,
    offsets: offsets.map((offset) => offset / positionAlignmentBytes),
  }));
  const block = encodeSeal(segment.header, runs, facts);
  const { segmentBytes } = segment.header;
  // Durable after it: nothing is ever appended here again. A crash before it leaves a successor
  // that has only its head, and recovery writes the seal.
  await segment.file.writeDurable([block], segmentBytes - block.length);
  segment.seal = decodeTrailer(block.subarray(-trailerBytes), segment.header);
}
