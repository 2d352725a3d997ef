/**
 * A directory sync that is pending after a rotation: nothing is written before it, and it needs no
 * reopening of the log.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import { entriesFrom } from '@babuza/testkit/ladder';
import { openLog, openManager } from './support/workload.ts';

const codeOf = (saving: Promise<void>): Promise<unknown> =>
  saving.then(
    () => 'saved',
    (error: { code?: unknown }) => error.code,
  );

describe('the sync of a new segment that finds no descriptor', () => {
  for (const inline of [false, true]) {
    it(`is done before anything else is written, inline ${inline}`, async () => {
      const disk = new SimulatedDisk({ seed: 3 });
      const environment = simulatedEnvironment(3, disk);
      await runWorkload(environment, async () => {
        const manager = openManager(environment, { inline });
        const { wal, storage } = await openLog(manager);
        const shortage = disk.inject({
          on: 'open-directory',
          sticky: true,
          fault: { type: 'error', kind: 'too-many-open' },
        });
        let outcome: unknown = 'saved';
        while (outcome === 'saved') {
          outcome = await codeOf(
            wal.save({ entries: entriesFrom(storage.lastIndex() + 1, 4, 1, 700) }),
          );
        }
        expect(outcome).toBe('WAL_TRY_AGAIN');
        const last = storage.lastIndex();
        const before = disk.calls.length;
        // Long enough for an idle mark, and small enough for the full segment.
        await environment.clock.sleep(1000);
        const small = { entries: entriesFrom(last + 1, 1, 1, 1) };
        expect(await codeOf(wal.save(small))).toBe('WAL_TRY_AGAIN');
        const written = disk.calls
          .slice(before)
          // The pieces of a spare file that is being filled are larger.
          .filter(({ operation, bytes }) => operation.startsWith('write') && (bytes ?? 0) < 4096);
        expect(written).toEqual([]);
        shortage.remove();
        const healed = disk.calls.length;
        await wal.save(small);
        const order = disk.calls.slice(healed).map(({ operation }) => operation);
        expect(order.slice(0, 2)).toEqual(['open-directory', 'sync-directory']);
        expect(storage.lastIndex()).toBe(last + 1);
        await manager.close();
        expect(disk.openPaths).toEqual([]);
      });
    });
  }

  it('is done by a close that has something to write, or the close rejects', async () => {
    const disk = new SimulatedDisk({ seed: 3 });
    const environment = simulatedEnvironment(3, disk);
    await runWorkload(environment, async () => {
      const manager = openManager(environment);
      const { wal, storage } = await openLog(manager);
      disk.inject({
        on: 'open-directory',
        sticky: true,
        fault: { type: 'error', kind: 'too-many-open' },
      });
      let outcome: unknown = 'saved';
      while (outcome === 'saved') {
        outcome = await codeOf(
          wal.save({ entries: entriesFrom(storage.lastIndex() + 1, 4, 1, 700) }),
        );
      }
      await wal.save({ hardState: { term: 0, vote: 0n, commit: 1 } });
      expect(await codeOf(wal.close())).toBe('WAL_TRY_AGAIN');
      expect(disk.openPaths).toEqual([]);
    });
  });
});
