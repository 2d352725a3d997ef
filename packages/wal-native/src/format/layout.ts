/**
 * The constants of the format. Changing one of them makes a new format version. `format/README.md`
 * shows the layout.
 */

/**
 * The newest version that this release reads. A segment without an identity is written as version
 * 1.
 */
export const formatVersion = 2;

/** The version of segment headers with an identity. It is otherwise the same as version 1. */
export const versionWithIdentity = 2;

/**
 * Frames start at multiples of this, so that a scan can find the next frame after a damaged one.
 */
export const frameAlignmentBytes = 8;

export const frameHeaderBytes = 40;

/** A header and its copy are in separate pages, so that one damaged page never destroys both. */
export const headerPageBytes = 4096;

/** A disk writes or loses this many bytes as a whole (`docs/DURABILITY.md`, assumption 2). */
export const sectorBytes = 512;

/** The offset of the first frame, after the two header pages. */
export const framesStart: number = 2 * headerPageBytes;

/** The trailer of a sealed segment, at the very end of the file. */
export const trailerBytes = 64;

/** The length of the body of a commit frame. */
export const commitBodyBytes = 40;

export const commitFrameBytes: number = frameHeaderBytes + commitBodyBytes;

/** Every write ends with an empty slot in place of the header of the next frame. */
export const endSlotBytes: number = frameHeaderBytes;

/**
 * The most bytes of a mark. It may carry a hard state, whose protobuf encoding has at most 33
 * bytes.
 */
export const markBytesMax: number = frameHeaderBytes + 40 + commitFrameBytes;

/**
 * The bytes that stay free after the last batch, so that recovery and close can always write a
 * mark.
 */
export const tailReserveBytes: number = markBytesMax + endSlotBytes;

/** The footer has this many bytes for each run of consecutive indexes, and 4 for each entry. */
export const footerRunBytes = 16;
export const footerEntryBytes = 4;

/** A smaller segment could not hold its header, its head and a batch. */
export const segmentBytesMin: number = 16 * 1024;
export const segmentBytesDefault: number = 64 * 1024 * 1024;
/**
 * Positions in the index have 32 bits and a unit of 8 bytes, which would allow more, but space is
 * released in whole segments, and 1 GiB is coarse enough.
 */
export const segmentBytesMax: number = 1024 * 1024 * 1024;

/** Rounds `bytes` up to a multiple of the alignment of frames. */
export function alignedBytes(bytes: number): number {
  return Math.ceil(bytes / frameAlignmentBytes) * frameAlignmentBytes;
}

/**
 * The lowest offset at which marks that begin at `start` may end so that one of them lies in
 * another sector than the end of the last batch.
 */
export function ownSectorEnd(start: number): number {
  return Math.ceil(start / sectorBytes) * sectorBytes + commitFrameBytes;
}
