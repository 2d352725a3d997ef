/** A writer on a disk with one segment, for tests of single methods. */
import { EntryType, type Entry } from '@babuza/raftpb';
import {
  simulatedEnvironment,
  type SimulatedDisk,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import { SpareFiles } from '@babuza/wal-files';
import type { SegmentName } from '../../src/format/segment-name.ts';
import { spareNames } from '../../src/format/segment-name.ts';
import { startOfSegment, type EtcdSegment } from '../../src/segment/segment.ts';
import { WalWriter, type WalWriterParts } from '../../src/writer/wal-writer.ts';
import { changes, directory, diskWith, metadataBytes, nameOf, openSegment } from './crafted.ts';

export interface WriterWorld {
  readonly environment: SimulatedEnvironment;
  readonly disk: SimulatedDisk;
  readonly parts: WalWriterParts;
  readonly segment: EtcdSegment;
  readonly writer: WalWriter;
  /** The calls that changed the disk since the last call of this function. */
  readonly changes: () => string[];
}

export interface WriterWishes {
  readonly name?: SegmentName;
  readonly segmentBytes?: number;
  /** The length of the file; by default `segmentBytes`. */
  readonly fileBytes?: number;
  readonly checksum?: number;
}

export function partsOn(
  disk: SimulatedDisk,
  segmentBytes: number,
): WriterWorld['parts'] & {
  readonly environment: SimulatedEnvironment;
} {
  const environment = simulatedEnvironment(3, disk);
  const spares = new SpareFiles(environment, directory, spareNames, 0);
  return { environment, directory, segmentBytes, metadata: metadataBytes, spares };
}

export function watchChanges(disk: SimulatedDisk): () => string[] {
  let from = disk.calls.length;
  return () => {
    const made = changes(disk, from);
    from = disk.calls.length;
    return made;
  };
}

/** A writer at the beginning of a segment of zeros, by default of 4 KiB. */
export async function writerWorld({
  name = nameOf(4, 9),
  segmentBytes = 4096,
  fileBytes = segmentBytes,
  checksum = 0,
}: WriterWishes = {}): Promise<WriterWorld> {
  const disk = diskWith([[name, new Uint8Array(fileBytes)]]);
  const parts = partsOn(disk, segmentBytes);
  const segment = { ...(await openSegment(disk, name)), startChecksum: checksum };
  const point = { segment, end: 0, fileBytes, checksum, lastOffset: startOfSegment };
  const writer = new WalWriter(parts, point);
  const { environment } = parts;
  return { environment, disk, parts, segment, writer, changes: watchChanges(disk) };
}

export const entryOf = (index: number, payloadBytes: number, term = 1): Entry => ({
  type: EntryType.Normal,
  term,
  index,
  data: new Uint8Array(payloadBytes).fill(index),
});

/** Adds an entry to an empty writer, so that this many bytes are encoded. */
export function addUpTo(writer: WalWriter, pendingBytes: number): void {
  for (const around of [32, 30, 34, 28, 36, 26]) {
    const mark = writer.mark();
    writer.addEntry(entryOf(1, pendingBytes - around));
    if (writer.pendingBytes === pendingBytes) return;
    writer.rollBack(mark);
  }
  throw new Error(`no entry takes ${pendingBytes} bytes`);
}

/** A call of the disk without the name of the segment. */
export const short = (text: string): string =>
  text.replaceAll(/[0-9a-f]{16}-[0-9a-f]{16}\.wal /g, '');
