/**
 * A purge that cannot remove a segment keeps all later ones until it is removed, so that there is
 * never a gap.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, SimulatedDisk, simulatedEnvironment, type Fault } from '@babuza/testkit';
import { entriesFrom, openLog } from '@babuza/testkit/ladder';
import type { FileOperation } from '@babuza/vfs';
import { backEnd } from './support/back-end.ts';

const sequencesOf = (disk: SimulatedDisk): number[] =>
  disk.surgery
    .files()
    .map((path) => /\/([0-9a-f]{16})-[0-9a-f]{16}\.wal$/.exec(path)?.[1])
    .filter((text) => text !== undefined)
    .map((text) => Number.parseInt(text, 16))
    .sort((left, right) => left - right);

const cases: readonly [FileOperation, Fault, boolean][] = [
  ['unlink', { type: 'error', kind: 'permission' }, true],
  ['unlink', { type: 'error', kind: 'io' }, true],
  ['open-directory', { type: 'error', kind: 'too-many-open' }, true],
  ['sync-directory', { type: 'sync-error', pending: 'kept' }, false],
];

describe('a purge that cannot remove a segment', () => {
  for (const [on, fault, goesOn] of cases) {
    it(`leaves no gap: ${on}, ${JSON.stringify(fault)}`, async () => {
      const disk = new SimulatedDisk({ seed: 2 });
      const environment = simulatedEnvironment(2, disk);
      await runWorkload(environment, async () => {
        const manager = backEnd.open(environment);
        const { wal, storage } = await openLog(manager);
        for (let at = 0; at < 40; at += 1) {
          await wal.save({
            entries: entriesFrom(storage.lastIndex() + 1, 4, 1, 700),
            hardState: { term: 1, vote: 1n, commit: storage.lastIndex() },
          });
        }
        const before = sequencesOf(disk).length;
        expect(before).toBeGreaterThan(5);
        disk.inject({ on, path: /wal/, fault });
        const first = await wal.purge(60);
        expect(first.heldBy).toMatch(/could not be removed/);
        const second = await wal.purge(120);
        const left = sequencesOf(disk);
        const isWithoutGap = left.every((sequence, at) => sequence === (left[0] ?? 0) + at);
        expect([left, isWithoutGap]).toEqual([left, true]);
        expect(second.heldBy?.includes('could not be removed')).toBe(!goesOn);
        expect(left.length < before - 2).toBe(goesOn);
        await manager.close();
      });
      const survivor = simulatedEnvironment(3, disk.crash(1));
      await runWorkload(survivor, async () => {
        const { storage } = await backEnd.open(survivor).replayWal();
        expect(storage.lastIndex()).toBe(160);
      });
    });
  }
});

describe('a purge that cannot read the size of a segment', () => {
  it('closes it nevertheless', async () => {
    const environment = simulatedEnvironment(2);
    const disk = environment.fileSystem;
    await runWorkload(environment, async () => {
      const manager = backEnd.open(environment);
      const { wal, storage } = await openLog(manager);
      while (wal.stats.segments < 5) {
        const hardState = { term: 1, vote: 1n, commit: storage.lastIndex() };
        await wal.save({ entries: entriesFrom(storage.lastIndex() + 1, 4, 1, 700), hardState });
      }
      const fault: Fault = { type: 'error', kind: 'io' };
      const failing = disk.inject({ on: 'size', nth: 1, fault });
      const before = disk.openPaths.length;
      const { segmentsRemoved } = await wal.purge(storage.lastIndex() - 8);
      expect([failing.hits, before - disk.openPaths.length]).toEqual([1, segmentsRemoved]);
      expect(segmentsRemoved).toBeGreaterThan(1);
      await manager.close();
      expect(disk.openPaths).toEqual([]);
    });
  });
});
