/**
 * A new segment whose rename is pending: the batch that filled the segment before is durable and
 * acknowledged, and nothing is written to the new segment before it is durably renamed.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import { entriesFrom, openLog } from '@babuza/testkit/ladder';
import type { FileOperation } from '@babuza/vfs';
import { backEnd } from './support/back-end.ts';

const codeOf = (saving: Promise<void>): Promise<unknown> =>
  saving.then(
    () => 'saved',
    (error: { code?: unknown }) => error.code,
  );

const steps: readonly FileOperation[] = ['rename', 'open-directory'];

describe('the rename of a new segment when the system lacks a resource', () => {
  for (const inline of [false, true]) {
    for (const on of steps) {
      it(`is repeated before anything else is written: ${on}, inline ${inline}`, async () => {
        const disk = new SimulatedDisk({ seed: 3 });
        const environment = simulatedEnvironment(3, disk);
        await runWorkload(environment, async () => {
          const manager = backEnd.open(environment, { inline });
          const { wal, storage } = await openLog(manager);
          const shortage = disk.inject({
            on,
            sticky: true,
            fault: { type: 'error', kind: 'too-many-open' },
          });
          const save = (count: number): Promise<unknown> =>
            codeOf(wal.save({ entries: entriesFrom(storage.lastIndex() + 1, count, 1, 700) }));
          while ((await save(4)) === 'saved');
          const last = storage.lastIndex();
          const before = disk.calls.length;
          expect(await save(1)).toBe('WAL_TRY_AGAIN');
          const written = disk.calls
            .slice(before)
            .filter(({ operation }) => operation.startsWith('write'));
          expect(written).toEqual([]);
          shortage.remove();
          expect(await save(1)).toBe('saved');
          expect(storage.entries(1, last + 2, Infinity)).toHaveLength(last + 1);
          await manager.close();
          expect(disk.openPaths).toEqual([]);
        });
        const survivor = simulatedEnvironment(4, disk.crash(1));
        await runWorkload(survivor, async () => {
          const { storage, tail } = await backEnd.open(survivor).replayWal();
          expect([tail.verdict, storage.lastIndex() > 4]).toEqual(['clean', true]);
        });
      });
    }
  }
});
