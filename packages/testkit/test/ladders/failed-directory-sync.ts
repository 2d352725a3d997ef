/**
 * A purge removes or renames segments, and the sync of the directory fails. Names that were created
 * before may be lost although later syncs succeed, for instance that of the spare file for the next
 * segment.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment } from '../../src/index.ts';
import { entriesFrom, metadata, type BackEnd } from '../../src/ladder/index.ts';

const entriesPerSave = 2;
const entryBytes = 1000;

/**
 * Counts the entries that were acknowledged in spite of the failure, and those that a reopened log
 * has.
 */
async function acknowledgedAndKept(
  backEnd: BackEnd<{ readonly segmentBytes?: number }>,
  savesBeforePurge: number,
  pending: 'dropped' | 'half-written',
): Promise<{ acknowledged: number; kept: number; isPoisoned: boolean }> {
  const environment = simulatedEnvironment(savesBeforePurge + 1);
  const disk = environment.fileSystem;
  let acknowledged = 0;
  let isPoisoned = false;
  await runWorkload(environment, async () => {
    const manager = backEnd.open(environment, { segmentBytes: 16 * 1024 });
    const { wal, storage } = await manager.createWal(metadata);
    const save = async (): Promise<void> => {
      const first = acknowledged + 1;
      const last = acknowledged + entriesPerSave;
      const hardState = { term: 1, vote: 1n, commit: acknowledged };
      await wal.save({ entries: entriesFrom(first, entriesPerSave, 1, entryBytes), hardState });
      acknowledged = last;
    };
    while (wal.stats.segments < 4) await save();
    for (let count = 0; count < savesBeforePurge; count += 1) await save();
    await environment.clock.sleep(1000);
    disk.inject({ on: 'sync-directory', fault: { type: 'sync-error', pending } });
    // The purge reports that the files are still there and does not reject, because no entry is
    // lost.
    await wal.purge(storage.lastIndex() - entriesPerSave);
    try {
      for (let count = 0; count < 30; count += 1) await save();
    } catch (error) {
      isPoisoned = (error as { code?: string }).code === 'WAL_POISONED';
    }
    await manager.close().catch(() => undefined);
  });
  const after = simulatedEnvironment(99, disk.crash(savesBeforePurge));
  let kept = 0;
  await runWorkload(after, async () => {
    const { storage } = await backEnd.open(after).replayWal();
    kept = storage.lastIndex();
  });
  return { acknowledged, kept, isPoisoned };
}

export function testFailedDirectorySync(
  backEnd: BackEnd<{ readonly segmentBytes?: number }>,
): void {
  describe('a directory whose sync failed in a purge', () => {
    for (const pending of ['dropped', 'half-written'] as const) {
      it(`acknowledges no entry in a later segment (${pending})`, async () => {
        for (let saves = 0; saves < 9; saves += 1) {
          const { acknowledged, kept, isPoisoned } = await acknowledgedAndKept(
            backEnd,
            saves,
            pending,
          );
          expect(kept, `after ${saves} saves`).toBeGreaterThanOrEqual(acknowledged);
          expect(isPoisoned, `after ${saves} saves`).toBe(true);
        }
      });
    }
  });
}
