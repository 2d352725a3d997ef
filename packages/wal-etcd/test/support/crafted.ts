/** Segments that are built record by record, and disks with them, for tests of single classes. */
import { encodeHardState, type ConfState } from '@babuza/raftpb';
import { SimulatedDisk, type CallRecord } from '@babuza/testkit';
import { CorruptError } from '@babuza/wal-core';
import { crc32c } from '../../src/format/crc32c.ts';
import { frameBytes, writeLengthField } from '../../src/format/frame.ts';
import { lengthFieldBytes, RecordType } from '../../src/format/layout.ts';
import {
  encodeEtcdEntry,
  encodeEtcdMetadata,
  encodeEtcdSnapshot,
} from '../../src/format/messages.ts';
import { recordHeadBytes, writeRecordHead } from '../../src/format/record.ts';
import { segmentName, type SegmentName } from '../../src/format/segment-name.ts';
import { segmentOf, type OpenSegment } from '../../src/segment/segment.ts';

export const directory = '/wal';

/** A record without a checksum, or with a given one. */
export interface CraftedRecord {
  readonly type: number;
  readonly data?: Uint8Array | undefined;
  readonly crc?: number;
}

export const metadataBytes: Uint8Array = encodeEtcdMetadata({ nodeId: 7n, clusterId: 9n });

export const crcRecord = (crc = 0): CraftedRecord => ({ type: RecordType.Crc, crc });
export const metadataRecord = (data: Uint8Array | undefined = metadataBytes): CraftedRecord => ({
  type: RecordType.Metadata,
  data,
});
export const stateRecord = (term: number, commit: number, vote = 1n): CraftedRecord => ({
  type: RecordType.State,
  data: encodeHardState({ term, vote, commit }),
});
export const entryRecord = (index: number, term = 1, data?: Uint8Array): CraftedRecord => ({
  type: RecordType.Entry,
  data: encodeEtcdEntry({ type: 0, term: BigInt(term), index: BigInt(index), data }),
});
export const snapshotRecord = (index: number, term = 1, confState?: ConfState): CraftedRecord => ({
  type: RecordType.Snapshot,
  data: encodeEtcdSnapshot({ index: BigInt(index), term: BigInt(term), confState }),
});

/** The first records of a log. */
export const beginning: readonly CraftedRecord[] = [
  crcRecord(),
  metadataRecord(),
  snapshotRecord(0, 0),
];

export interface CraftedSegment {
  readonly bytes: Uint8Array;
  /** The offset of each record, and the end of the last one. */
  readonly offsets: readonly number[];
  readonly end: number;
  /** The checksum of each record. */
  readonly checksums: readonly number[];
}

/**
 * Encodes the records in order, with chained checksums, into a file of at least this many bytes.
 */
export function craft(
  records: readonly CraftedRecord[],
  { checksum = 0, fileBytes = 0 }: { readonly checksum?: number; readonly fileBytes?: number } = {},
): CraftedSegment {
  const frames: Uint8Array[] = [];
  const offsets: number[] = [];
  const checksums: number[] = [];
  let end = 0;
  let chained = checksum;
  for (const { type, data, crc } of records) {
    if (type === RecordType.Crc) chained = crc ?? chained;
    else if (data !== undefined) chained = crc32c(chained, data);
    offsets.push(end);
    checksums.push(crc ?? chained);
    const head = new Uint8Array(recordHeadBytes(type, crc ?? chained, data?.length));
    writeRecordHead(head, 0, type, crc ?? chained, data?.length);
    frames.push(framed(Buffer.concat([head, data ?? new Uint8Array(0)])));
    end += frames.at(-1)?.length ?? 0;
  }
  frames.push(new Uint8Array(Math.max(0, fileBytes - end)));
  return { bytes: Buffer.concat(frames), offsets, end, checksums };
}

/** The content of a frame need not be a valid record. */
export function framed(record: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameBytes(record.length));
  writeLengthField(frame, 0, record.length);
  frame.set(record, lengthFieldBytes);
  return frame;
}

export const nameOf = (sequence: number | bigint, firstIndex: number | bigint): SegmentName =>
  segmentName(BigInt(sequence), BigInt(firstIndex));

export const pathOf = ({ fileName }: SegmentName): string => `${directory}/${fileName}`;

/** A disk with these segments in one directory. */
export function diskWith(segments: readonly (readonly [SegmentName, Uint8Array])[]): SimulatedDisk {
  const disk = new SimulatedDisk({ seed: 5 });
  disk.surgery.makeDirectory(directory);
  for (const [name, bytes] of segments) disk.surgery.put(pathOf(name), bytes);
  return disk;
}

export async function openSegment(disk: SimulatedDisk, name: SegmentName): Promise<OpenSegment> {
  return segmentOf(pathOf(name), name, await disk.open(pathOf(name), 'write'));
}

/** The calls that change the disk or sync it, as short texts without the directory. */
export function changes(disk: SimulatedDisk, from = 0): string[] {
  return disk.calls.slice(from).filter(isChange).map(textOf);
}

const isChange = ({ operation }: CallRecord): boolean =>
  ['write', 'write-durable', 'datasync', 'truncate', 'rename', 'unlink', 'sync-directory'].includes(
    operation,
  );

const textOf = ({ operation, path, position, bytes }: CallRecord): string =>
  [operation, path.replace(`${directory}/`, ''), position, bytes]
    .filter((each) => each !== undefined)
    .join(' ');

/**
 * Watches a disk whose calls must be made one after the other, except for files that are closed
 * together. Returns the calls that overlapped another one, and those that nobody has awaited.
 */
export function watchOrder(disk: SimulatedDisk): () => string[] {
  const from = disk.calls.length;
  const isInFlight = ({ outcome }: CallRecord): boolean => outcome === 'in flight';
  const strays: string[] = [];
  disk.stopWhen((call) => {
    const other = disk.calls.slice(from).find((each) => each !== call && isInFlight(each));
    const closes = call.operation === 'close' && other?.operation === 'close';
    if (other !== undefined && !closes) strays.push(`${textOf(call)} during ${textOf(other)}`);
    return false;
  });
  return () => [...strays, ...disk.calls.filter(isInFlight).map(textOf)];
}

/** The damage that a call reports. */
export async function damageFrom(call: Promise<unknown>): Promise<CorruptError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof CorruptError) return error;
  throw new Error('no damage was found', { cause: error });
}
