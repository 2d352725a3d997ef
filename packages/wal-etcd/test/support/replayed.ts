/** Replays records that are built one by one. */
import { confState } from '@babuza/testkit/ladder';
import type { CorruptError } from '@babuza/wal-core';
import { ReplayedLog } from '../../src/recovery/replayed-log.ts';
import { scanSegment } from '../../src/recovery/scan.ts';
import {
  craft,
  diskWith,
  entryRecord,
  nameOf,
  openSegment,
  snapshotRecord,
  type CraftedRecord,
} from './crafted.ts';

export interface Replayed {
  readonly log: ReplayedLog;
  readonly error: CorruptError | undefined;
  readonly offsets: readonly number[];
}

export const file = '/wal/a';

/**
 * Replays records of a log whose first segment has this index in its name. All records are in
 * segment 6.
 */
export async function replayed(
  firstIndex: number,
  records: readonly CraftedRecord[],
  snapshotIndexMax?: number,
): Promise<Replayed> {
  const name = nameOf(6, firstIndex);
  const { bytes, offsets } = craft(records);
  const segment = await openSegment(diskWith([[name, bytes]]), name);
  const log = new ReplayedLog(name, 5n, snapshotIndexMax);
  let error: CorruptError | undefined;
  await scanSegment({ file: segment.file, checksum: 0, isLast: true }, (record) => {
    error = log.visit(record, 6, file);
    return error === undefined;
  });
  return { log, error, offsets };
}

export const entries = (...indexes: readonly number[]): CraftedRecord[] =>
  indexes.map((index) => entryRecord(index));
export const marker = (index: number, term = 1): CraftedRecord =>
  snapshotRecord(index, term, confState);
export const range = ({ log }: Replayed): [number, number] => [
  log.state.index.firstIndex,
  log.state.index.lastIndex,
];
export const markers = ({ log }: Replayed): number[] => log.state.markers.map(({ index }) => index);
