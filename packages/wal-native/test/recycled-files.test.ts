/**
 * A purged segment is reused only when its new name is durable. Otherwise a power cut could show
 * the new bytes under its old name.
 */
import { describe, expect, it } from 'vitest';
import {
  runWorkload,
  simulatedEnvironment,
  type Fault,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import { entriesOf } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

const options = { recycledMax: 4 };

async function fillTo({ wal, storage }: OpenedWal, segments: number): Promise<void> {
  while (wal.stats.segments < segments) {
    const next = storage.lastIndex() + 1;
    const hardState = { term: 1, vote: 1n, commit: next };
    await wal.save({ entries: entriesOf(next, next + 2, 1, 1000), hardState });
  }
}

const recycledOf = ({ fileSystem }: SimulatedEnvironment): string[] =>
  fileSystem.surgery.files().filter((path) => path.includes('/recycled-'));

describe('purged segments whose new names may not be durable after a failed sync', () => {
  for (const pending of ['dropped', 'kept'] as const) {
    it(`are never reused, and the log is intact after a power cut: ${pending}`, async () => {
      const environment = simulatedEnvironment(3);
      const { fileSystem } = environment;
      await runWorkload(environment, async () => {
        const opened = await openManager(environment, options).createWal(metadata);
        const { wal, storage } = opened;
        await fillTo(opened, 5);
        const fault: Fault = { type: 'sync-error', pending };
        const failing = fileSystem.inject({ on: 'sync-directory', fault });
        const { heldBy } = await wal.purge(storage.lastIndex() - 3);
        expect([failing.hits, heldBy]).toEqual([
          1,
          expect.stringContaining('could not be removed'),
        ]);
        const inDoubt = recycledOf(environment);
        expect(inDoubt.length).toBeGreaterThan(1);
        const from = fileSystem.calls.length;
        // The log continues in its current segment, because the name of a next one might not become
        // durable either.
        const filling = fillTo(opened, wal.stats.segments + 2);
        await expect(filling).rejects.toMatchObject({ code: 'WAL_POISONED' });
        const used = fileSystem.calls
          .slice(from)
          .filter(({ operation, path }) => operation === 'open' && inDoubt.includes(path));
        expect(used).toEqual([]);
        for (const seed of [1, 2, 3]) {
          const again = simulatedEnvironment(4, fileSystem.crash(seed));
          const last = storage.lastIndex();
          await runWorkload(again, async () => {
            const reopened = await openManager(again, options).replayWal();
            expect(reopened.storage.lastIndex()).toBe(last);
            expect(recycledOf(again)).toEqual([]);
          });
        }
      });
    });
  }
});
