/**
 * Encodes the plans of several saves as one batch of frames for one write. Small payloads are
 * copied into a reused buffer; large ones are written from the memory of the caller.
 */
import {
  encodeHardState,
  encodeSnapshotMetadata,
  type Entry,
  type HardState,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import type { SavePlan } from '@babuza/wal-core/backend';
import { checksum, frameSeed } from '../format/checksum.ts';
import {
  continueBatchChecksum,
  emptyBatchChecksum,
  entryHasData,
  frameBytes,
  frameChecksum,
  FrameKind,
  groupWords,
  newFrameHeader,
  sealFrame,
  writeCommitBody,
  writeFrameHeader,
  type FrameHeader,
} from '../format/frame.ts';
import {
  alignedBytes,
  commitBodyBytes,
  commitFrameBytes,
  endSlotBytes,
  frameHeaderBytes,
} from '../format/layout.ts';

/** Payloads of this size and above are not copied. */
const copyBytesMax = 4096;

/** The largest buffer that is kept. A batch that needs more gets a buffer of its own. */
const scratchBytesKept: number = 512 * 1024;

/** A frame that is not an entry. */
export interface ControlFrame {
  readonly kind: FrameKind;
  readonly flags: number;
  readonly index: number;
  readonly term: number;
  readonly body: Uint8Array;
}

/** The entries of one plan, and the offset of the first one once they are encoded. */
export interface EncodedEntries {
  readonly entries: readonly Entry[];
  offset: number;
}

/** The content of a batch, before its position in a segment is known. */
export interface Batch {
  readonly items: readonly (ControlFrame | EncodedEntries)[];
  /** The bytes of all frames including the commit frame. */
  readonly bytes: number;
  readonly frameCount: number;
  readonly entryCount: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** The position of a batch in its segment. */
export interface BatchPosition {
  readonly salt: number;
  readonly offset: number;
  readonly batchNumber: number;
  readonly durableUpTo: number;
}

const empty = new Uint8Array(0);

export function hardStateFrame(hardState: HardState): ControlFrame {
  const body = encodeHardState(hardState);
  return { kind: FrameKind.HardState, flags: 0, index: 0, term: 0, body };
}

/**
 * `resets` is stored as a flag, because a log that starts after the marker can no longer derive it.
 */
export function markerFrame(marker: SnapshotMetadata, resets: boolean): ControlFrame {
  return {
    kind: FrameKind.Marker,
    flags: resets ? 1 : 0,
    index: marker.index,
    term: marker.term,
    body: encodeSnapshotMetadata(marker),
  };
}

export function startFrame(start: {
  index: number;
  term: number;
  segmentId: number;
}): ControlFrame {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setBigUint64(0, BigInt(start.segmentId), true);
  return { kind: FrameKind.Start, flags: 0, index: start.index, term: start.term, body };
}

export function truncateFrame(index: number): ControlFrame {
  return { kind: FrameKind.Truncate, flags: 0, index, term: 0, body: empty };
}

export function tailFrame(index: number, term: number): ControlFrame {
  return { kind: FrameKind.Tail, flags: 0, index, term, body: empty };
}

/**
 * A batch of the frames of the plans in order, with the hard state last. `startSegmentId` is the
 * first segment that is needed after a purge.
 */
export function batchOf(
  plans: readonly SavePlan[],
  hardState: HardState | undefined,
  startSegmentId: number,
): Batch {
  const items: (ControlFrame | EncodedEntries)[] = [];
  for (const plan of plans) {
    if (plan.marker !== undefined) items.push(markerFrame(plan.marker, plan.resets));
    if (plan.truncateFrom !== undefined && plan.entries.length === 0) {
      items.push(truncateFrame(plan.truncateFrom));
    }
    if (plan.entries.length > 0) items.push({ entries: plan.entries, offset: 0 });
    if (plan.purgeTo !== undefined) {
      items.push(startFrame({ ...plan.purgeTo, segmentId: startSegmentId }));
    }
  }
  if (hardState !== undefined) items.push(hardStateFrame(hardState));
  return measured(items);
}

/** A batch of control frames; without frames it is a mark. */
export function controlBatch(frames: readonly ControlFrame[]): Batch {
  return measured(frames);
}

function measured(items: readonly (ControlFrame | EncodedEntries)[]): Batch {
  let bytes = commitFrameBytes;
  let frameCount = 0;
  let entryCount = 0;
  let firstIndex = 0;
  let lastIndex = 0;
  for (const item of items) {
    if (!('entries' in item)) {
      bytes += frameBytes(item.body.length);
      frameCount += 1;
      continue;
    }
    for (const entry of item.entries) bytes += frameBytes(entry.data?.length ?? 0);
    const first = item.entries[0]?.index ?? 0;
    firstIndex = firstIndex === 0 ? first : Math.min(firstIndex, first);
    lastIndex = item.entries.at(-1)?.index ?? lastIndex;
    entryCount += item.entries.length;
  }
  frameCount += entryCount;
  return { items, bytes, frameCount, entryCount, firstIndex, lastIndex };
}

/** Encodes one batch at a time. The result is valid until the next call. */
export class BatchEncoder {
  #scratch: Uint8Array = new Uint8Array(16 * 1024);
  #view: DataView = new DataView(this.#scratch.buffer);
  #parts: Uint8Array[] = [];
  /** How many bytes of the scratch buffer are filled. */
  #filled = 0;
  /** How many of them are in `#parts` already. */
  #taken = 0;
  #offset = 0;
  #position: BatchPosition = { salt: 0, offset: 0, batchNumber: 0, durableUpTo: 0 };
  #batchChecksum = 0;
  /** Reused for each frame. */
  readonly #header: FrameHeader = newFrameHeader();

  constructor(groupId: bigint) {
    Object.assign(this.#header, groupWords(groupId));
  }

  /**
   * Encodes all frames and the empty slot after them as the parts of one write. Sets the offsets of
   * the entries.
   */
  encode(batch: Batch, position: BatchPosition): readonly Uint8Array[] {
    this.#begin(batch, position);
    for (const item of batch.items) {
      if ('entries' in item) {
        item.offset = this.#offset;
        for (const entry of item.entries) this.#addEntry(entry);
      } else {
        this.#add(item.kind, item.flags, item.index, item.term, item.body);
      }
    }
    this.#addCommit(batch);
    this.#scratch.fill(0, this.#filled, this.#filled + endSlotBytes);
    this.#filled += endSlotBytes;
    this.#takeScratch();
    return this.#parts;
  }

  #begin(batch: Batch, position: BatchPosition): void {
    this.#position = position;
    this.#offset = position.offset;
    this.#filled = 0;
    this.#taken = 0;
    this.#parts = [];
    this.#batchChecksum = emptyBatchChecksum;
    this.#header.batchNumber = position.batchNumber;
    const needed = scratchBytesOf(batch) + endSlotBytes;
    const keeps = this.#scratch.length <= scratchBytesKept;
    if (needed <= this.#scratch.length && keeps) return;
    const size = needed <= scratchBytesKept ? Math.min(scratchBytesKept, 2 * needed) : needed;
    this.#scratch = new Uint8Array(size);
    this.#view = new DataView(this.#scratch.buffer);
  }

  #addEntry(entry: Entry): void {
    const flags = entry.type | (entry.data === undefined ? 0 : entryHasData);
    this.#add(FrameKind.Entry, flags, entry.index, entry.term, entry.data ?? empty);
  }

  #add(kind: number, flags: number, index: number, term: number, body: Uint8Array): void {
    const header = this.#header;
    header.bodyBytes = body.length;
    header.kind = kind;
    header.flags = flags;
    header.index = index;
    header.term = term;
    const at = this.#filled;
    const seed = frameSeed(this.#position.salt, this.#offset);
    writeFrameHeader(this.#view, at, seed, header);
    const value =
      body.length < copyBytesMax
        ? this.#copyBody(at, seed, body)
        : this.#referToBody(at, seed, body);
    sealFrame(this.#view, at, value);
    this.#batchChecksum = continueBatchChecksum(this.#batchChecksum, value);
    this.#offset += frameBytes(body.length);
  }

  #copyBody(at: number, seed: number, body: Uint8Array): number {
    const bodyAt = at + frameHeaderBytes;
    const end = at + frameBytes(body.length);
    this.#scratch.set(body, bodyAt);
    // The buffer is reused, so the padding must be cleared.
    for (let pad = bodyAt + body.length; pad < end; pad += 1) this.#scratch[pad] = 0;
    this.#filled = end;
    return frameChecksum(this.#scratch, at, seed, body.length);
  }

  #referToBody(at: number, seed: number, body: Uint8Array): number {
    const bodyAt = at + frameHeaderBytes;
    this.#filled = bodyAt;
    const padding = alignedBytes(body.length) - body.length;
    const zeros = this.#scratch.subarray(bodyAt, bodyAt + padding).fill(0);
    let value = checksum(this.#scratch.subarray(at + 4, bodyAt), seed);
    value = checksum(body, value);
    value = checksum(zeros, value);
    this.#takeScratch();
    this.#parts.push(body);
    this.#filled += padding;
    return value;
  }

  #addCommit(batch: Batch): void {
    const header = this.#header;
    header.bodyBytes = commitBodyBytes;
    header.kind = FrameKind.Commit;
    header.flags = 0;
    header.index = 0;
    header.term = 0;
    const at = this.#filled;
    const seed = frameSeed(this.#position.salt, this.#offset);
    writeFrameHeader(this.#view, at, seed, header);
    writeCommitBody(this.#view, at + frameHeaderBytes, {
      frameCount: batch.frameCount,
      batchChecksum: this.#batchChecksum,
      durableUpTo: this.#position.durableUpTo,
      batchStart: this.#position.offset,
      firstIndex: batch.firstIndex,
      lastIndex: batch.lastIndex,
    });
    this.#filled += commitFrameBytes;
    sealFrame(this.#view, at, frameChecksum(this.#scratch, at, seed, commitBodyBytes));
  }

  /** Adds the bytes that were filled since the last call to the parts. */
  #takeScratch(): void {
    if (this.#filled === this.#taken) return;
    this.#parts.push(this.#scratch.subarray(this.#taken, this.#filled));
    this.#taken = this.#filled;
  }
}

/** The bytes of a batch that are copied into the buffer. */
function scratchBytesOf(batch: Batch): number {
  let bytes = batch.bytes;
  for (const item of batch.items) {
    if (!('entries' in item)) {
      if (item.body.length >= copyBytesMax) bytes -= item.body.length;
      continue;
    }
    for (const { data } of item.entries) {
      if (data !== undefined && data.length >= copyBytesMax) bytes -= data.length;
    }
  }
  return bytes;
}
