/** The frames that the writer produces, field by field, and the memory and space that it takes. */
import { EntryType } from '@babuza/raftpb';
import { simulatedEnvironment } from '@babuza/testkit';
import { emptyPlan, LogState, PositionIndex } from '@babuza/wal-core/backend';
import { SpareFiles } from '@babuza/wal-files';
import { describe, expect, it } from 'vitest';
import { frameSeed } from '../src/format/checksum.ts';
import { FrameKind, newFrameHeader, readFrameHeader } from '../src/format/frame.ts';
import {
  commitFrameBytes,
  endSlotBytes,
  footerEntryBytes,
  tailReserveBytes,
  trailerBytes,
} from '../src/format/layout.ts';
import { sealBytes } from '../src/format/seal.ts';
import { spareNames } from '../src/format/segment-name.ts';
import { scanSegment, type ScannedBatch } from '../src/recovery/scan.ts';
import { BatchEncoder, batchOf, markerFrame, controlBatch } from '../src/writer/batch-encoder.ts';
import { nameSegment } from '../src/writer/create-segment.ts';
import { SegmentAppender } from '../src/writer/segment-appender.ts';
import { confState, directory, groupId } from './support/crafted-log.ts';

const position = { salt: 5, offset: 8192, batchNumber: 1, durableUpTo: 8192 };
const metadata = {
  clusterId: 3n,
  nodeId: 4n,
  entryBytesMax: 1024,
  extra: undefined,
  identity: undefined,
};

const entriesOf = (count: number, payloadBytes: number) =>
  Array.from({ length: count }, (_, at) => ({
    index: at + 1,
    term: 1,
    type: EntryType.Normal,
    data: new Uint8Array(payloadBytes),
  }));

const batchWith = (count: number, payloadBytes: number) =>
  batchOf([{ ...emptyPlan, entries: entriesOf(count, payloadBytes) }], undefined, 1);

describe('the commit frame of a batch', () => {
  it('has no flags, index or term, whatever the frame before it has', () => {
    const batch = controlBatch([markerFrame({ index: 9, term: 4, confState }, true)]);
    const bytes = Buffer.concat(new BatchEncoder(groupId).encode(batch, position));
    const at = bytes.length - endSlotBytes - commitFrameBytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const header = newFrameHeader();
    const seed = frameSeed(position.salt, position.offset + at);
    expect(readFrameHeader(view, at, seed, header)).toBe(true);
    const { kind, flags, index, term } = header;
    expect({ kind, flags, index, term }).toEqual({
      kind: FrameKind.Commit,
      flags: 0,
      index: 0,
      term: 0,
    });
  });
});

describe('the head of a segment', () => {
  it('names the last entry with its term, and records nothing as durable before itself', async () => {
    const environment = simulatedEnvironment(1);
    environment.fileSystem.surgery.makeDirectory(directory);
    const created = await nameSegment(
      {
        environment,
        directory,
        groupId,
        metadata,
        segmentBytes: 16 * 1024,
        segmentId: 4,
        salt: 5,
        predecessor: undefined,
        state: new LogState(new PositionIndex(7, 3)),
        start: { index: 7, term: 3, segmentId: 4 },
        batch: undefined,
      },
      new SpareFiles(environment, directory, spareNames, 0),
      new BatchEncoder(groupId),
    );
    const { file, header } = created.segment;
    const limit = header.segmentBytes - trailerBytes;
    const batches: ScannedBatch[] = [];
    await scanSegment({ file, salt: 5, limit, groupId }, (batch) => {
      batches.push(batch);
      return undefined;
    });
    expect(batches).toHaveLength(1);
    expect(batches[0]?.commit.durableUpTo).toBe(0);
    const tail = batches[0]?.frames.find(({ kind }) => kind === FrameKind.Tail);
    expect(tail).toMatchObject({ index: 7, term: 3 });
  });
});

describe('the memory of the encoder', () => {
  it('has no copy of payloads that are passed to the disk as they are', () => {
    const encoder = new BatchEncoder(groupId);
    const parts = encoder.encode(batchWith(4, 100_000), position);
    const [header] = parts;
    expect(header?.buffer.byteLength).toBeLessThanOrEqual(16 * 1024);
  });
});

describe('a batch that is as large as the rest of a segment', () => {
  it.each([1, 5, 60])('fits, and does not fit into one byte less: %i entries', (count) => {
    const batch = batchWith(count, 40);
    const end = 9000;
    const needed =
      end +
      batch.bytes +
      tailReserveBytes +
      sealBytes(1, 0) +
      count * footerEntryBytes +
      footerEntryBytes * 2;
    const fitsInto = (segmentBytes: number): boolean => {
      const point = { end, nextBatchNumber: 1, lastBatchNumber: 0, entries: 0, marked: false };
      const segment = { header: { segmentBytes } } as never;
      return new SegmentAppender({ ...point, segment }, new BatchEncoder(groupId)).fits(batch);
    };
    expect([fitsInto(needed - 1), fitsInto(needed)]).toEqual([false, true]);
  });
});
