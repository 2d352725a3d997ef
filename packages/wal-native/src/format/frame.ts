/**
 * The encoding of frames, of which a segment consists. A frame starts at a multiple of 8 with a
 * header of 40 bytes. Numbers are little-endian:
 *
 *      0        4        8        12       16                23   24               31   32       40
 *      ┌────────┬────────┬────────┬────────┬─────────────────┬────┬────────────────┬────┬────────┐
 *      │checksum│ header │  body  │ batch  │ index (7 bytes) │kind│ term (7 bytes) │flag│ group  │
 *      │        │  check │ length │ number │                 │    │                │    │   id   │
 *      └────────┴────────┴────────┴────────┴─────────────────┴────┴────────────────┴────┴────────┘
 *
 * The body follows, then zeros up to the next multiple of 8. `checksum` covers everything from byte
 * 4 to the end of those zeros; `header check` covers bytes 8 to 40. 40 zero bytes in place of a
 * header are an empty slot.
 */
import { checksum, finish, frameSeed, mix } from './checksum.ts';
import { alignedBytes, frameHeaderBytes } from './layout.ts';

export const FrameKind = {
  /**
   * An entry with index and term. The flags are its type and whether it has data; the body is the
   * payload.
   */
  Entry: 1,
  /** A new hard state; the body is its protobuf encoding. */
  HardState: 2,
  /** A snapshot marker with index and term; the body is the protobuf encoding of its metadata. */
  Marker: 3,
  /**
   * The start of the log after a purge: the last purged index and its term; the body is the id of
   * the first segment that is still needed.
   */
  Start: 4,
  /** Drops the entries from index on, without replacing them. */
  Truncate: 5,
  /** Ends a batch. A batch without other frames is a mark. */
  Commit: 6,
  /** The last index and term when the segment was created. Only in the head of a segment. */
  Tail: 7,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

const lastKind = FrameKind.Tail;

/** Flags of an entry: two bits for its type, and one that tells empty data from absent data. */
export const entryTypeMask = 0b011;
export const entryHasData = 0b100;

const twoTo32 = 0x1_0000_0000;
/** Indexes and terms are below 2^53, so the upper 3 bits of their 7 bytes must be zero. */
const highBitsMax = 0x1f_ffff;

/** The fields of a header. `readFrameHeader` fills the same object again for each frame. */
export interface FrameHeader {
  checksum: number;
  bodyBytes: number;
  batchNumber: number;
  kind: number;
  flags: number;
  index: number;
  term: number;
  /**
   * The group id as two numbers of 32 bits, because a `bigint` would be an allocation for each
   * frame.
   */
  groupLow: number;
  groupHigh: number;
}

/** Splits a group id into two numbers of 32 bits. */
export function groupWords(groupId: bigint): { groupLow: number; groupHigh: number } {
  return { groupLow: Number(groupId & 0xffff_ffffn), groupHigh: Number(groupId >> 32n) };
}

export function newFrameHeader(): FrameHeader {
  return {
    checksum: 0,
    bodyBytes: 0,
    batchNumber: 0,
    kind: 0,
    flags: 0,
    index: 0,
    term: 0,
    groupLow: 0,
    groupHigh: 0,
  };
}

/** The bytes that a frame with a body of `bodyBytes` takes in the file. */
export function frameBytes(bodyBytes: number): number {
  return frameHeaderBytes + alignedBytes(bodyBytes);
}

/**
 * Writes the header, except for `checksum`, at `at` of the view. `seed` is the one for the offset
 * of the frame in the file. `sealFrame` writes the checksum when the body is known.
 */
export function writeFrameHeader(
  view: DataView,
  at: number,
  seed: number,
  header: Omit<FrameHeader, 'checksum'>,
): void {
  view.setUint32(at + 8, header.bodyBytes, true);
  view.setUint32(at + 12, header.batchNumber, true);
  view.setUint32(at + 16, header.index >>> 0, true);
  view.setUint32(at + 20, Math.floor(header.index / twoTo32) | (header.kind << 24), true);
  view.setUint32(at + 24, header.term >>> 0, true);
  view.setUint32(at + 28, Math.floor(header.term / twoTo32) | (header.flags << 24), true);
  view.setUint32(at + 32, header.groupLow, true);
  view.setUint32(at + 36, header.groupHigh, true);
  view.setUint32(at + 4, headerCheck(view, at, seed), true);
}

/** Stores the checksum of the frame and returns it. */
export function sealFrame(view: DataView, at: number, value: number): number {
  view.setUint32(at, value, true);
  return value;
}

/** Whether there is an empty slot at `at`. */
export function isEmptySlot(view: DataView, at: number): boolean {
  for (let word = 0; word < frameHeaderBytes; word += 8) {
    if (view.getUint32(at + word) !== 0 || view.getUint32(at + word + 4) !== 0) return false;
  }
  return true;
}

/**
 * Reads the header at `at` into `target`. Returns false if it is not a valid header for this
 * `seed`. The body is not verified.
 */
export function readFrameHeader(
  view: DataView,
  at: number,
  seed: number,
  target: FrameHeader,
): boolean {
  const indexHigh = view.getUint32(at + 20, true);
  const kind = indexHigh >>> 24;
  if (kind === 0 || kind > lastKind) return false;
  if (view.getUint32(at + 4, true) !== headerCheck(view, at, seed)) return false;
  const termHigh = view.getUint32(at + 28, true);
  const indexBits = indexHigh & 0xff_ffff;
  const termBits = termHigh & 0xff_ffff;
  if (indexBits > highBitsMax || termBits > highBitsMax) return false;
  target.checksum = view.getUint32(at, true);
  target.bodyBytes = view.getUint32(at + 8, true);
  target.batchNumber = view.getUint32(at + 12, true);
  target.kind = kind;
  target.flags = termHigh >>> 24;
  target.index = indexBits * twoTo32 + view.getUint32(at + 16, true);
  target.term = termBits * twoTo32 + view.getUint32(at + 24, true);
  target.groupLow = view.getUint32(at + 32, true);
  target.groupHigh = view.getUint32(at + 36, true);
  return true;
}

/** Computes the checksum of the whole frame at `at` of `bytes`. */
export function frameChecksum(
  bytes: Uint8Array,
  at: number,
  seed: number,
  bodyBytes: number,
): number {
  return checksum(bytes.subarray(at + 4, at + frameBytes(bodyBytes)), seed);
}

function headerCheck(view: DataView, at: number, seed: number): number {
  let hash = seed;
  for (let word = 8; word < frameHeaderBytes; word += 4) {
    hash = mix(hash, view.getUint32(at + word, true));
  }
  return finish(hash);
}

/**
 * The body of a commit frame:
 *
 *      0           4           8               16              24              32             40
 *      ┌───────────┬───────────┬───────────────┬───────────────┬───────────────┬──────────────┐
 *      │  frames   │   batch   │ durable up to │ start of the  │  first index  │  last index  │
 *      │ before it │  checksum │   (offset)    │ batch (offset)│  (0: none)    │              │
 *      └───────────┴───────────┴───────────────┴───────────────┴───────────────┴──────────────┘
 */
export interface CommitBody {
  frameCount: number;
  /** A hash of the checksums of the other frames of the batch, in order. */
  batchChecksum: number;
  /**
   * All bytes of this segment below this offset were known to be durable when the batch was
   * encoded.
   */
  durableUpTo: number;
  batchStart: number;
  firstIndex: number;
  lastIndex: number;
}

export function writeCommitBody(view: DataView, at: number, body: CommitBody): void {
  view.setUint32(at, body.frameCount, true);
  view.setUint32(at + 4, body.batchChecksum, true);
  view.setBigUint64(at + 8, BigInt(body.durableUpTo), true);
  view.setBigUint64(at + 16, BigInt(body.batchStart), true);
  view.setBigUint64(at + 24, BigInt(body.firstIndex), true);
  view.setBigUint64(at + 32, BigInt(body.lastIndex), true);
}

/** Reads the body of a commit frame whose length and checksum were verified before. */
export function readCommitBody(view: DataView, at: number): CommitBody {
  return {
    frameCount: view.getUint32(at, true),
    batchChecksum: view.getUint32(at + 4, true),
    durableUpTo: Number(view.getBigUint64(at + 8, true)),
    batchStart: Number(view.getBigUint64(at + 16, true)),
    firstIndex: Number(view.getBigUint64(at + 24, true)),
    lastIndex: Number(view.getBigUint64(at + 32, true)),
  };
}

/**
 * The checksum of a batch starts with this value and is continued by the checksum of each frame.
 */
export const emptyBatchChecksum = 0x0bab_02a0;
export function continueBatchChecksum(batch: number, frame: number): number {
  return mix(batch, frame) >>> 0;
}

export { frameSeed };
