/**
 * Seals a full segment: writes index footer and trailer at the end of the file and makes them
 * durable.
 */
import { positionAlignmentBytes, type PositionIndex } from '@babuza/wal-core/backend';
import { trailerBytes } from '../format/layout.ts';
import { decodeTrailer, encodeSeal, type Seal } from '../format/seal.ts';
import type { Segment } from './segment.ts';

/**
 * The footer lists the entries of the segment that are in the index, which are those still live.
 */
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
  // After this the seal is durable, and nothing is appended to this segment again. A crash before
  // leaves a successor with only its head, and recovery writes the seal.
  await segment.file.writeDurable([block], segmentBytes - block.length);
  segment.seal = decodeTrailer(block.subarray(-trailerBytes), segment.header);
}
