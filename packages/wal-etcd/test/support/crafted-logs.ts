/** Logs of several segments that are built record by record, and their content after reading. */
import type { SimulatedDisk } from '@babuza/testkit';
import type { OpenMode } from '@babuza/vfs';
import type { SegmentName } from '../../src/format/segment-name.ts';
import { readLog, type LogContents } from '../../src/recovery/read-log.ts';
import {
  craft,
  crcRecord,
  directory,
  entryRecord,
  metadataRecord,
  nameOf,
  snapshotRecord,
  stateRecord,
  type CraftedRecord,
} from './crafted.ts';

export type Made = readonly [SegmentName, Uint8Array];

export const found = (
  disk: SimulatedDisk,
  groupId = 0n,
  mode: OpenMode = 'write',
): Promise<LogContents> => readLog(disk, directory, groupId, mode);

/**
 * Segments with chained checksums, from a sequence number on. Each starts with the records of every
 * segment.
 */
export function chain(
  sequence: number,
  parts: readonly { readonly firstIndex: number; readonly records: readonly CraftedRecord[] }[],
  fileBytes = 0,
): Made[] {
  let checksum = 0;
  return parts.map(({ firstIndex, records }, at) => {
    const head = [crcRecord(checksum), metadataRecord()];
    const made = craft([...head, ...records], { checksum, fileBytes });
    checksum = made.checksums.at(-1) ?? 0;
    return [nameOf(sequence + at, firstIndex), made.bytes];
  });
}

export const entries = (first: number, last: number): CraftedRecord[] =>
  Array.from({ length: last - first + 1 }, (_, at) => entryRecord(first + at));

export const range = ({ replayed }: LogContents): [number, number] => {
  const { index } = replayed.state;
  return [index.firstIndex, index.lastIndex];
};

export const three: readonly Made[] = chain(0, [
  { firstIndex: 0, records: [snapshotRecord(0, 0), ...entries(1, 3), stateRecord(1, 2)] },
  { firstIndex: 4, records: [stateRecord(1, 2), ...entries(4, 6)] },
  { firstIndex: 7, records: [stateRecord(1, 2), ...entries(7, 8)] },
]);
