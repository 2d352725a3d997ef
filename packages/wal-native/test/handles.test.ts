/** File handles, names and space are released, however a call ends. */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, SimulatedDisk } from '@babuza/testkit';
import type { WalManager } from '@babuza/wal-core';
import type { NativeWalOptions } from '../src/index.ts';
import { entriesOf, large, segmentAt } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

/**
 * Runs `work` with a manager, closes the manager, and returns the paths of files that are still
 * open.
 */
async function leftOpen(
  disk: SimulatedDisk,
  work: (manager: WalManager) => Promise<unknown>,
  options: NativeWalOptions = {},
): Promise<string[]> {
  const environment = simulatedEnvironment(7, disk);
  await runWorkload(environment, async () => {
    const manager = openManager(environment, options);
    await work(manager);
    await manager.close();
  });
  return disk.openPaths;
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: { code?: unknown }) => error.code,
  );

describe('a log that is refused', () => {
  const damages: readonly [string, (disk: SimulatedDisk) => void, string][] = [
    ['a damaged entry', (disk) => disk.surgery.zero(segmentAt(disk, 0), 9500, 100), 'WAL_CORRUPT'],
    ['a damaged header', (disk) => disk.surgery.zero(segmentAt(disk, 1), 0, 8192), 'WAL_CORRUPT'],
    ['a shorter file', (disk) => disk.surgery.cut(segmentAt(disk, 1), 12_000), 'WAL_CORRUPT'],
  ];
  for (const [name, damage, code] of damages) {
    it(`leaves no file open: ${name}`, async () => {
      const disk = await large();
      damage(disk);
      const open = await leftOpen(disk, async (manager) => {
        expect(await codeOf(manager.replayWal())).toBe(code);
        expect(await codeOf(manager.findSnapshots())).toBe(code);
        expect(disk.openPaths).toEqual([]);
      });
      expect(open).toEqual([]);
    });
  }

  it('leaves no file open if it is intact but not the expected one', async () => {
    const disk = await large();
    const open = await leftOpen(disk, async (manager) => {
      const snapshot = { index: 999, term: 1 };
      expect(await codeOf(manager.replayWal({ snapshot }))).toBe('WAL_NOT_FOUND');
      const expectation = { expect: { nodeId: 77 } };
      expect(await codeOf(manager.replayWal(expectation))).toBe('WAL_METADATA_MISMATCH');
      expect(await manager.findSnapshots()).toEqual([]);
      expect(disk.openPaths).toEqual([]);
      await manager.replayWal();
    });
    expect(open).toEqual([]);
  });
});

describe('a rotation that is refused', () => {
  it('leaves neither an open file nor a prepared one', async () => {
    const disk = new SimulatedDisk({ seed: 2 });
    const open = await leftOpen(disk, async (manager) => {
      const { wal, storage } = await manager.createWal(metadata);
      const shortage = disk.inject({
        on: 'rename',
        sticky: true,
        fault: { type: 'error', kind: 'too-many-open' },
      });
      let outcome: unknown = 'done';
      while (outcome === 'done') {
        const next = storage.lastIndex() + 1;
        outcome = await codeOf(wal.save({ entries: entriesOf(next, next + 2, 1, 900) }));
      }
      expect(outcome).toBe('WAL_TRY_AGAIN');
      expect(disk.surgery.files().filter((path) => path.endsWith('.tmp'))).toEqual([]);
      expect(disk.openPaths).toHaveLength(1);
      shortage.remove();
    });
    expect(open).toEqual([]);
  });
});

describe('a creation that is refused', () => {
  it('leaves no log, and can be repeated', async () => {
    const disk = new SimulatedDisk({ seed: 2 });
    const open = await leftOpen(disk, async (manager) => {
      await manager.createWal(metadata, { groupId: 5n });
      const fault = { type: 'error', kind: 'too-many-open' } as const;
      const shortage = disk.inject({ on: 'open-directory', sticky: true, fault });
      expect(await codeOf(manager.createWal(metadata))).toBe('WAL_TRY_AGAIN');
      shortage.remove();
      expect(await manager.hasExistingWal()).toBe(false);
      await (await manager.createWal(metadata)).wal.save({ entries: entriesOf(1, 3) });
    });
    expect(open).toEqual([]);
  });
});

describe('an opening that fails to discard entries', () => {
  // The last call of each kind that succeeds, in the recovery or in the rotation after it.
  for (const [on, kind] of [
    ['open-directory', 'too-many-open'],
    ['write-durable', 'io'],
  ] as const) {
    it(`leaves no file open: ${on}`, async () => {
      let rotations = 0;
      for (let nth = 1; nth <= 8; nth += 1) {
        // The segment has no space for the discard, so the next segment is needed.
        const made = simulatedEnvironment(1);
        await runWorkload(made, async () => {
          const { wal } = await openManager(made).createWal(metadata);
          const hardState = { term: 1, vote: 3n, commit: 20 };
          await wal.save({ entries: entriesOf(1, 60, 1, 8), hardState });
          await wal.save({ entries: entriesOf(61, 61, 1, 4300) });
          expect(wal.stats.segments).toBe(1);
        });
        const disk = made.fileSystem.kill(1);
        const open = await leftOpen(disk, async (manager) => {
          disk.inject({ on, nth, sticky: true, fault: { type: 'error', kind } });
          const outcome = await codeOf(manager.replayWal({ discardUncommitted: true }));
          if (disk.calls.some(({ operation }) => operation === 'rename')) rotations += 1;
          if (outcome !== 'done')
            expect(disk.openPaths, `call ${nth}: ${String(outcome)}`).toEqual([]);
          await manager.close().catch(() => undefined);
        }).catch((error: { code?: unknown }) => {
          if (typeof error.code !== 'string' || !error.code.startsWith('WAL_')) throw error;
          return disk.openPaths;
        });
        expect(open, `call ${nth}`).toEqual([]);
      }
      expect(rotations).toBeGreaterThan(0);
    });
  }
});
