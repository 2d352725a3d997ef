/** A segment with entries, an index of them and a reader. */
import { expect } from 'vitest';
import { EntryType, type Entry } from '@babuza/raftpb';
import type { SimulatedDisk } from '@babuza/testkit';
import { CorruptError } from '@babuza/wal-core';
import { PositionIndex } from '@babuza/wal-core/backend';
import { SegmentList } from '@babuza/wal-files';
import { RecordType } from '../../src/format/layout.ts';
import type { SegmentName } from '../../src/format/segment-name.ts';
import { EtcdEntryReader } from '../../src/segment/entry-reader.ts';
import { startOfSegment, type EtcdSegment } from '../../src/segment/segment.ts';
import {
  beginning,
  craft,
  diskWith,
  entryRecord,
  nameOf,
  openSegment,
  pathOf,
  type CraftedRecord,
} from './crafted.ts';

export const name: SegmentName = nameOf(3, 0);
export const path: string = pathOf(name);

export interface World {
  readonly disk: SimulatedDisk;
  readonly reader: EtcdEntryReader;
  readonly offsets: readonly number[];
  /** The lengths of the reads since the last call. */
  readonly reads: () => number[];
}

/** A segment whose records from `first` on are entries with indexes from 1. */
export async function world(
  records: readonly CraftedRecord[],
  first: number = records.findIndex(({ type }) => type === RecordType.Entry),
  checksum = 0,
): Promise<World> {
  const { bytes, offsets } = craft(records, { checksum, fileBytes: 64 * 1024 });
  const disk = diskWith([[name, bytes]]);
  const segment = { ...(await openSegment(disk, name)), startChecksum: checksum };
  const index = new PositionIndex();
  for (let at = first; at < records.length; at += 1) {
    index.append(at - first + 1, 1, 3, offsets[at - 1] ?? startOfSegment);
  }
  const reader = new EtcdEntryReader(index, new SegmentList<EtcdSegment>([segment]), 6n);
  let from = disk.calls.length;
  const reads = (): number[] => {
    const calls = disk.calls.slice(from).filter(({ operation }) => operation === 'read');
    from = disk.calls.length;
    return calls.map(({ bytes: count = 0 }) => count);
  };
  return { disk, reader, offsets, reads };
}

export const payload = (index: number, bytes: number): Uint8Array =>
  new Uint8Array(bytes).fill(index);
export const entry = (index: number, bytes: number): Entry => ({
  index,
  term: 1,
  type: EntryType.Normal,
  data: payload(index, bytes),
});
export const records = (count: number, bytes: number): CraftedRecord[] => [
  ...beginning,
  ...Array.from({ length: count }, (_, at) => entryRecord(at + 1, 1, payload(at + 1, bytes))),
];

/** Reads entries and returns them, or the damage: the entry, the offset and what was found. */
export function complaint(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CorruptError)) return error;
    const { verdict, file, offset, firstIndex, lastIndex, groupId, message } = error;
    expect([verdict, file, lastIndex, groupId]).toEqual(['corrupt-read', path, firstIndex, 6n]);
    return [firstIndex, offset, / at offset \d+: (.*) \(entries/.exec(message)?.[1] ?? message];
  }
}
