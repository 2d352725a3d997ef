/**
 * The numbers of the format, each with its reason. They are part of what is on disk: changing one
 * is a new format version. The bytes are drawn in `format/README.md`.
 */

/**
 * The newest version that this release reads. A log without an identity is written in version 1.
 */
export const formatVersion = 2;

/** Segment headers of this version have an identity. All else is as in version 1. */
export const versionWithIdentity = 2;

/** Frames start at multiples of this, so that a scan knows where to look for the next one. */
export const frameAlignmentBytes = 8;

export const frameHeaderBytes = 40;

/** A header and its copy lie in pages of their own: one rotten page never takes both. */
export const headerPageBytes = 4096;

/** What a disk loses or writes as a whole (`docs/DURABILITY.md`, assumption 2). */
export const sectorBytes = 512;

/** Where the first frame starts: behind the two header pages. */
export const framesStart: number = 2 * headerPageBytes;

/** The seal of a full segment, at the very end of the file. */
export const trailerBytes = 64;

/** Length of the body of a commit frame. */
export const commitBodyBytes = 40;

export const commitFrameBytes: number = frameHeaderBytes + commitBodyBytes;

/** Every group write ends with an empty slot: the header of the frame that is not there yet. */
export const endSlotBytes: number = frameHeaderBytes;

/**
 * A mark may carry a hard state (at most 33 bytes of protobuf): header, body, and the commit frame.
 */
export const markBytesMax: number = frameHeaderBytes + 40 + commitFrameBytes;

/** What stays free behind the last batch: recovery and close can always write their mark. */
export const tailReserveBytes: number = markBytesMax + endSlotBytes;

/** Footer: 4 bytes an entry, and this much for each run of consecutive indexes. */
export const footerRunBytes = 16;
export const footerEntryBytes = 4;

/** Smaller segments would not hold their own headers and a batch. */
export const segmentBytesMin: number = 16 * 1024;
export const segmentBytesDefault: number = 64 * 1024 * 1024;
/** Positions are 32 bits of 8 bytes; a gibibyte is already a slow unit of purge. */
export const segmentBytesMax: number = 1024 * 1024 * 1024;

/** Everything that a file can consist of, rounded up to a frame. */
export function alignedBytes(bytes: number): number {
  return Math.ceil(bytes / frameAlignmentBytes) * frameAlignmentBytes;
}

/**
 * Where marks that begin at `start` must end, at least, so that one of them lies in a sector of its
 * own, behind the sector in which the last batch ends.
 */
export function ownSectorEnd(start: number): number {
  return Math.ceil(start / sectorBytes) * sectorBytes + commitFrameBytes;
}
