/**
 * Segments whose frames are chosen one by one, including frames that the writer never writes. They
 * are on a simulated disk, and the steps of a recovery are called on them directly.
 */
import { encodeHardState, encodeSnapshotMetadata } from '@babuza/raftpb';
import { SimulatedDisk, type CallRecord } from '@babuza/testkit';
import { frameSeed } from '../../src/format/checksum.ts';
import {
  continueBatchChecksum,
  emptyBatchChecksum,
  entryHasData,
  frameBytes,
  frameChecksum,
  FrameKind,
  groupWords,
  sealFrame,
  writeCommitBody,
  writeFrameHeader,
  type CommitBody,
} from '../../src/format/frame.ts';
import { commitBodyBytes, frameHeaderBytes, framesStart } from '../../src/format/layout.ts';
import { encodeSeal, type Seal, type WrittenRun } from '../../src/format/seal.ts';
import { encodeSegmentHeader, type SegmentHeader } from '../../src/format/segment-header.ts';
import { segmentName } from '../../src/format/segment-name.ts';
import { listLog } from '../../src/recovery/list-log.ts';
import { readLog, type LogContents } from '../../src/recovery/read-log.ts';
import { recover, type AppendPoint } from '../../src/recovery/recover.ts';
import type { TailReport } from '@babuza/wal-core';

export const groupId = 7n;
export const directory = '/log';

export interface CraftedFrame {
  readonly kind: number;
  readonly flags?: number;
  readonly index?: number;
  readonly term?: number;
  readonly body?: Uint8Array;
  /** The length field of the header, if it differs from the length of the body. */
  readonly bodyBytes?: number;
  readonly batchNumber?: number;
  readonly groupId?: bigint;
}

const uint64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
};

export const confState = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export const entry = (index: number, term = 1, bytes = 100): CraftedFrame => ({
  kind: FrameKind.Entry,
  flags: entryHasData,
  index,
  term,
  body: new Uint8Array(bytes).fill(index),
});
export const hardState = (term: number, commit = 0, vote = 1n): CraftedFrame => ({
  kind: FrameKind.HardState,
  body: encodeHardState({ term, vote, commit }),
});
export const marker = (index: number, term = 1, resets = false): CraftedFrame => ({
  kind: FrameKind.Marker,
  flags: resets ? 1 : 0,
  index,
  term,
  body: encodeSnapshotMetadata({ index, term, confState }),
});
export const start = (index: number, term: number, segmentId: number): CraftedFrame => ({
  kind: FrameKind.Start,
  index,
  term,
  body: uint64(segmentId),
});
export const tail = (index: number, term = 1): CraftedFrame => ({
  kind: FrameKind.Tail,
  index,
  term,
});
export const truncate = (index: number): CraftedFrame => ({ kind: FrameKind.Truncate, index });

/** The head of a log that starts with index 1. */
export const firstHead = [hardState(0), start(0, 0, 1), tail(0, 0)];

/** The fields of a commit frame that differ from the right ones. */
export interface CommitChanges extends Partial<CommitBody> {
  readonly missing?: boolean;
}

export class CraftedSegment {
  readonly header: SegmentHeader;
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly #view: DataView;
  /** The offset of the next frame. */
  end: number = framesStart;
  batchNumber = 0;
  /** The offset of each frame, including commit frames. */
  readonly offsets: number[] = [];
  readonly batchStarts: number[] = [];

  constructor(head: readonly CraftedFrame[], header: Partial<SegmentHeader> = {}) {
    const headEnd =
      framesStart +
      head.reduce((sum, { body }) => sum + frameBytes(body?.length ?? 0), 0) +
      frameHeaderBytes +
      commitBodyBytes;
    this.header = {
      salt: 0xc0ff_ee00,
      segmentId: 1,
      segmentBytes: 16 * 1024,
      clusterId: 3n,
      nodeId: 4n,
      groupId,
      entryBytesMax: 1024 * 1024,
      extra: undefined,
      identity: undefined,
      baseBatchSequence: 0,
      predecessorEnd: 0,
      predecessorSalt: 0,
      headEnd,
      ...header,
    };
    this.bytes = new Uint8Array(this.header.segmentBytes);
    this.#view = new DataView(this.bytes.buffer);
    this.bytes.set(encodeSegmentHeader(this.header));
    const { segmentId, salt } = this.header;
    this.path = `${directory}/${segmentName(segmentId, salt).fileName}`;
    this.batch(head, { durableUpTo: 0 });
  }

  /** The segment that follows this one in its current state. */
  next(head: readonly CraftedFrame[], header: Partial<SegmentHeader> = {}): CraftedSegment {
    const { segmentId, salt } = this.header;
    return new CraftedSegment(head, {
      segmentId: segmentId + 1,
      salt: salt + 1,
      predecessorEnd: this.end,
      predecessorSalt: salt,
      ...header,
    });
  }

  /** Adds frames and their commit frame, which records everything before them as durable. */
  batch(frames: readonly CraftedFrame[], changes: CommitChanges = {}): this {
    const batchStart = this.end;
    this.batchStarts.push(batchStart);
    let batchChecksum: number = emptyBatchChecksum;
    for (const frame of frames) {
      batchChecksum = continueBatchChecksum(batchChecksum, this.#frame(frame));
    }
    const indexes = frames
      .filter(({ kind }) => kind === FrameKind.Entry)
      .map(({ index = 0 }) => index);
    const { missing, ...commit } = changes;
    if (missing !== true) {
      const body = new Uint8Array(commitBodyBytes);
      writeCommitBody(new DataView(body.buffer), 0, {
        frameCount: frames.length,
        batchChecksum,
        durableUpTo: batchStart,
        batchStart,
        firstIndex: indexes[0] ?? 0,
        lastIndex: indexes.at(-1) ?? 0,
        ...commit,
      });
      this.#frame({ kind: FrameKind.Commit, body });
    }
    this.batchNumber += 1;
    return this;
  }

  /** Adds a mark, a batch without frames. */
  mark(): this {
    return this.batch([]);
  }

  /** Overwrites the frames between two of `offsets`. */
  lose(from: number, to: number): this {
    this.bytes.fill(0, this.offsets.at(from), to === 0 ? this.end : this.offsets.at(to));
    return this;
  }

  /** Seals the segment for its successor, with the given changes of the right seal. */
  seal(next: CraftedSegment, changes: Partial<Seal> = {}, runs: readonly WrittenRun[] = []): this {
    const block = encodeSeal(this.header, runs, {
      framesEnd: this.end,
      lastBatchNumber: this.batchNumber - 1,
      nextSalt: next.header.salt,
      ...changes,
    });
    this.bytes.set(block, this.bytes.length - block.length);
    return this;
  }

  #frame(frame: CraftedFrame): number {
    const { kind, flags = 0, index = 0, term = 0, body = new Uint8Array(0) } = frame;
    const at = this.end;
    const seed = frameSeed(this.header.salt, at);
    this.offsets.push(at);
    this.bytes.set(body, at + frameHeaderBytes);
    writeFrameHeader(this.#view, at, seed, {
      bodyBytes: frame.bodyBytes ?? body.length,
      batchNumber: frame.batchNumber ?? this.batchNumber,
      kind,
      flags,
      index,
      term,
      ...groupWords(frame.groupId ?? groupId),
    });
    this.end += frameBytes(body.length);
    return sealFrame(this.#view, at, frameChecksum(this.bytes, at, seed, body.length));
  }
}

/** A disk with these segments and files only. */
export function diskOf(
  segments: readonly CraftedSegment[],
  others: readonly string[] = [],
): SimulatedDisk {
  const disk = new SimulatedDisk({ seed: 1 });
  disk.surgery.makeDirectory(directory);
  for (const { path, bytes } of segments) disk.surgery.put(path, bytes);
  for (const name of others) disk.surgery.put(`${directory}/${name}`, new Uint8Array(10).fill(1));
  return disk;
}

/** Reads the log on a disk. Throws what `readLog` throws. */
export async function readFrom(disk: SimulatedDisk): Promise<LogContents> {
  return readLog(disk, directory, groupId, await listLog(disk, directory), 'write');
}

export interface Recovered {
  readonly contents: LogContents;
  readonly tail: TailReport;
  readonly appendPoint: AppendPoint;
  /** The calls of the recovery, without those of reading the log. */
  readonly calls: readonly CallRecord[];
}

export async function recoverFrom(
  disk: SimulatedDisk,
  uncertainTail: 'cut' | 'refuse' = 'cut',
): Promise<Recovered> {
  const contents = await readFrom(disk);
  const before = disk.calls.length;
  const recovered = await recover(disk, contents, uncertainTail);
  return { contents, ...recovered, calls: disk.calls.slice(before) };
}
