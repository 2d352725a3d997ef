/**
 * A purge keeps the segments of the valid snapshots. A replay from each of them must find all of
 * them, whether the log stayed open or was opened again before the purge.
 */
import { describe, expect, it } from 'vitest';
import type { OpenedWal } from '@babuza/wal-core';
import { entriesFrom } from '@babuza/testkit/ladder';
import { allEntries, commitTo, created, fillTo, reopened, snapshotAt } from './support/worlds.ts';

/** Three snapshots, each in a segment of its own, followed by two segments of entries. */
async function write(opened: OpenedWal): Promise<number[]> {
  const indexes: number[] = [];
  for (const segments of [2, 4, 6]) {
    const last = await fillTo(opened, segments);
    await opened.wal.save({ entries: entriesFrom(last + 1, 1, 1, 10), ...commitTo(last + 1) });
    await opened.wal.saveSnapshot(snapshotAt(last + 1, 1));
    indexes.push(last + 1);
  }
  await fillTo(opened, 8);
  return indexes;
}

describe('a purge of a log with three snapshots', () => {
  for (const [which, name] of ['oldest', 'second', 'newest'].entries()) {
    for (const restarts of [false, true]) {
      it(`to the ${name} one keeps it and those after it, after a restart: ${restarts}`, async () => {
        let indexes: number[] = [];
        let last = 0;
        const purge = async ({ wal, storage }: OpenedWal): Promise<void> => {
          last = storage.lastIndex();
          const { segmentsRemoved } = await wal.purge(indexes[which] ?? 0);
          expect(segmentsRemoved).toBeGreaterThan(0);
        };
        const disk = await created(async (opened) => {
          indexes = await write(opened);
          if (!restarts) await purge(opened);
        });
        const purged = restarts ? await reopened(disk, purge) : disk;
        await reopened(purged.crash(1), (opened) => {
          expect(opened.snapshots.map(({ index }) => index)).toEqual(indexes.slice(which));
          const first = (indexes[which] ?? 0) + 1;
          expect(opened.storage.term(first - 1)).toBe(1);
          expect(allEntries(opened).map(({ index }) => index)).toEqual(
            Array.from({ length: last - first + 1 }, (_, at) => first + at),
          );
        });
      });
    }
  }
});
