/**
 * Frames: what a segment consists of. Little-endian. The header, 40 bytes at a multiple of 8:
 *
 *      0        4        8        12       16                23   24               31   32       40
 *      ┌────────┬────────┬────────┬────────┬─────────────────┬────┬────────────────┬────┬────────┐
 *      │checksum│ header │  body  │ batch  │ index (7 bytes) │kind│ term (7 bytes) │flag│ group  │
 *      │        │  check │ length │ number │                 │    │                │    │   id   │
 *      └────────┴────────┴────────┴────────┴─────────────────┴────┴────────────────┴────┴────────┘
 *
 * Then the body, and zeros up to the next multiple of 8. `checksum` covers everything from byte 4
 * to the end of those zeros; `header check` covers bytes 8 to 40. Forty zero bytes are the empty
 * slot.
 */
import { checksum, finish, frameSeed, mix } from './checksum.ts';
import { alignedBytes, frameHeaderBytes } from './layout.ts';

export const FrameKind = {
  /** An entry; index, term; flags: its type, and whether it has data. The body is the payload. */
  Entry: 1,
  /** The hard state from here on; the body is its protobuf encoding. */
  HardState: 2,
  /** A snapshot marker; index, term; the body is the protobuf encoding of its metadata. */
  Marker: 3,
  /** Everything up to index is purged; index, term; the body is the first segment still needed. */
  Start: 4,
  /** Entries from index on are dropped, without others in their place. */
  Truncate: 5,
  /** Ends a batch. Without frames before it, it is a mark. */
  Commit: 6,
  /** In the head of a segment: the last index and term when it was created. */
  Tail: 7,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

const lastKind = FrameKind.Tail;

/** Flags of an entry: two bits of type, one for data that is there, even if empty. */
export const entryTypeMask = 0b011;
export const entryHasData = 0b100;

const twoTo32 = 0x1_0000_0000;
/** Indexes and terms are below 2^53: the upper 3 bits of their 7 bytes are zero, and checked. */
const highBitsMax = 0x1f_ffff;

/** The fields of a header, filled again and again by `readFrameHeader`. */
export interface FrameHeader {
  checksum: number;
  bodyBytes: number;
  batchNumber: number;
  kind: number;
  flags: number;
  index: number;
  term: number;
  /** The group id as two halves: a `bigint` for each frame would be garbage for each frame. */
  groupLow: number;
  groupHigh: number;
}

/** The halves of a group id. */
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

/** What a frame with such a body takes in the file. */
export function frameBytes(bodyBytes: number): number {
  return frameHeaderBytes + alignedBytes(bodyBytes);
}

/**
 * Writes the header without `checksum` to `at` of the view. `seed` is that of the frame's place in
 * the file. The checksum follows with `sealFrame`, when the body is known.
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

/**
 * Stores the checksum of the frame; returns it. `body` continues what follows the header in
 * `bytes`.
 */
export function sealFrame(view: DataView, at: number, value: number): number {
  view.setUint32(at, value, true);
  return value;
}

/** Whether there is the empty slot at `at`. */
export function isEmptySlot(view: DataView, at: number): boolean {
  for (let word = 0; word < frameHeaderBytes; word += 8) {
    if (view.getUint32(at + word) !== 0 || view.getUint32(at + word + 4) !== 0) return false;
  }
  return true;
}

/**
 * Reads the header at `at` into `target`; false when it is not one of a frame at this place, whose
 * `seed` is given. The body is not looked at.
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

/** The checksum of the whole frame at `at` of `bytes`, as it should be stored. */
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
  /** Over the checksums of the frames of the batch, in order. */
  batchChecksum: number;
  /**
   * Everything of this segment below this offset was known to be durable when the batch was built.
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

/** Reads it; the length and the checksum of its frame were verified before. */
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

/** The start of a batch checksum, and how a frame's checksum continues it. */
export const emptyBatchChecksum = 0x0bab_02a0;
export function continueBatchChecksum(batch: number, frame: number): number {
  return mix(batch, frame) >>> 0;
}

export { frameSeed };
