/**
 * Turns a group of plans into one batch of frames, ready for one write. Small payloads are copied
 * into a buffer that is used again and again; large ones are handed to the disk where they are.
 */
import {
  encodeHardState,
  encodeSnapshotMetadata,
  type Entry,
  type HardState,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import type { SavePlan } from '@babuza/wal-core';
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

/** Payloads from this size on are not copied. */
const copyBytesMax = 4096;

/** The buffer that stays; a group that needs more gets one for itself. */
const scratchBytesKept: number = 512 * 1024;

/** A frame that is not an entry. */
export interface ControlFrame {
  readonly kind: FrameKind;
  readonly flags: number;
  readonly index: number;
  readonly term: number;
  readonly body: Uint8Array;
}

/** Entries of one plan, and, once encoded, where the first of them lies. */
export interface PlacedEntries {
  readonly entries: readonly Entry[];
  offset: number;
}

/** One batch before it has a place. */
export interface Group {
  readonly items: readonly (ControlFrame | PlacedEntries)[];
  /** All frames, the commit frame included. */
  readonly bytes: number;
  readonly frameCount: number;
  readonly entryCount: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** Where a group goes. */
export interface Place {
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

/** `resets` is kept as a flag: a log that starts behind the marker cannot derive it any more. */
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
 * The frames of the plans in order, and the hard state last. `startSegmentId` is the first segment
 * that a purge still needs.
 */
export function groupOf(
  plans: readonly SavePlan[],
  hardState: HardState | undefined,
  startSegmentId: number,
): Group {
  const items: (ControlFrame | PlacedEntries)[] = [];
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

/** A batch of control frames; empty for a mark. */
export function controlGroup(frames: readonly ControlFrame[]): Group {
  return measured(frames);
}

function measured(items: readonly (ControlFrame | PlacedEntries)[]): Group {
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

/** Encodes one group at a time: what it returns is valid until the next call. */
export class GroupEncoder {
  #scratch: Uint8Array = new Uint8Array(16 * 1024);
  #view: DataView = new DataView(this.#scratch.buffer);
  #parts: Uint8Array[] = [];
  /** Bytes of the scratch that are filled, and those that are in `#parts` already. */
  #filled = 0;
  #taken = 0;
  #offset = 0;
  #place: Place = { salt: 0, offset: 0, batchNumber: 0, durableUpTo: 0 };
  #batchChecksum = 0;
  /** Filled again for each frame. */
  readonly #header: FrameHeader = newFrameHeader();

  constructor(groupId: bigint) {
    Object.assign(this.#header, groupWords(groupId));
  }

  /**
   * The parts of one write: all frames, and the empty slot that ends it. Sets the entries' offsets.
   */
  encode(group: Group, place: Place): readonly Uint8Array[] {
    this.#begin(group, place);
    for (const item of group.items) {
      if ('entries' in item) {
        item.offset = this.#offset;
        for (const entry of item.entries) this.#addEntry(entry);
      } else {
        this.#add(item.kind, item.flags, item.index, item.term, item.body);
      }
    }
    this.#addCommit(group);
    this.#scratch.fill(0, this.#filled, this.#filled + endSlotBytes);
    this.#filled += endSlotBytes;
    this.#takeScratch();
    return this.#parts;
  }

  #begin(group: Group, place: Place): void {
    this.#place = place;
    this.#offset = place.offset;
    this.#filled = 0;
    this.#taken = 0;
    this.#parts = [];
    this.#batchChecksum = emptyBatchChecksum;
    this.#header.batchNumber = place.batchNumber;
    const needed = scratchBytesOf(group) + endSlotBytes;
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
    const seed = frameSeed(this.#place.salt, this.#offset);
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
    // The buffer is used again: what pads the body must be made zero.
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

  #addCommit(group: Group): void {
    const header = this.#header;
    header.bodyBytes = commitBodyBytes;
    header.kind = FrameKind.Commit;
    header.flags = 0;
    header.index = 0;
    header.term = 0;
    const at = this.#filled;
    const seed = frameSeed(this.#place.salt, this.#offset);
    writeFrameHeader(this.#view, at, seed, header);
    writeCommitBody(this.#view, at + frameHeaderBytes, {
      frameCount: group.frameCount,
      batchChecksum: this.#batchChecksum,
      durableUpTo: this.#place.durableUpTo,
      batchStart: this.#place.offset,
      firstIndex: group.firstIndex,
      lastIndex: group.lastIndex,
    });
    this.#filled += commitFrameBytes;
    sealFrame(this.#view, at, frameChecksum(this.#scratch, at, seed, commitBodyBytes));
  }

  /** Moves what was filled since the last time to the parts. */
  #takeScratch(): void {
    if (this.#filled === this.#taken) return;
    this.#parts.push(this.#scratch.subarray(this.#taken, this.#filled));
    this.#taken = this.#filled;
  }
}

/** What of a group is copied. */
function scratchBytesOf(group: Group): number {
  let bytes = group.bytes;
  for (const item of group.items) {
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
