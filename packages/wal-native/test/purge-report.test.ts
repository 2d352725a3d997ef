/**
 * A purge reports the segments that it released, the ones that it keeps and why, and syncs only if
 * it changed a name.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import type { NativeWalOptions } from '../src/index.ts';
import { entriesOf } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

const segmentBytes = 16 * 1024;

interface Purgeable {
  readonly environment: SimulatedEnvironment;
  readonly opened: OpenedWal;
}

/** Runs `work` on a log of five segments; a purge to its last entry can release four of them. */
async function withSegments(
  options: NativeWalOptions,
  work: (log: Purgeable) => Promise<void>,
): Promise<void> {
  const environment = simulatedEnvironment(3);
  const { outcome } = await runWorkload(environment, async () => {
    const manager = openManager(environment, { segmentBytes, ...options });
    const opened = await manager.createWal(metadata);
    while (opened.wal.stats.segments < 5) {
      const next = opened.storage.lastIndex() + 1;
      await opened.wal.save({ entries: entriesOf(next, next + 2, 1, 1000) });
    }
    const commit = opened.storage.lastIndex();
    await opened.wal.save({ hardState: { term: 1, vote: 1n, commit } });
    await work({ environment, opened });
    await manager.close();
  });
  expect(outcome).toBe('finished');
}

const filesOf = ({ fileSystem }: SimulatedEnvironment): number =>
  fileSystem.surgery.files().filter((path) => path.endsWith('.wal')).length;

describe('a purge of whole segments', () => {
  it('reports how many it has removed and recycled, and their bytes', async () => {
    await withSegments({ recycledMax: 1 }, async ({ environment, opened: { wal, storage } }) => {
      const toIndex = storage.lastIndex();
      const before = filesOf(environment);
      expect(await wal.purge(toIndex)).toEqual({
        toIndex,
        firstIndex: toIndex + 1,
        segmentsRemoved: 3,
        segmentsRecycled: 1,
        bytesFreed: 4 * segmentBytes,
        segmentsKept: 1,
        heldBy: expect.stringContaining(`holds entries from ${toIndex + 1} on`),
      });
      expect(before - filesOf(environment)).toBe(4);
    });
  });

  it('counts in each report only the files that this purge has recycled', async () => {
    await withSegments({ recycledMax: 4 }, async ({ opened: { wal, storage } }) => {
      const last = storage.lastIndex();
      const first = await wal.purge(Math.floor(last / 2));
      const second = await wal.purge(last);
      expect(first.segmentsRecycled).toBeGreaterThan(0);
      expect(first.segmentsRecycled + second.segmentsRecycled).toBe(4);
      expect(first.segmentsRemoved + second.segmentsRemoved).toBe(0);
    });
  });

  it('has removed the reported files durably', async () => {
    const environment = simulatedEnvironment(3);
    await runWorkload(environment, async () => {
      const manager = openManager(environment, { segmentBytes, recycledMax: 0 });
      const { wal, storage } = await manager.createWal(metadata);
      while (wal.stats.segments < 3) {
        const next = storage.lastIndex() + 1;
        const hardState = { term: 1, vote: 1n, commit: next };
        await wal.save({ entries: entriesOf(next, next, 1, 5000), hardState });
      }
      expect((await wal.purge(storage.lastIndex())).segmentsRemoved).toBe(2);
    });
    for (const seed of [1, 2, 3, 4]) {
      const left = environment.fileSystem.crash(seed).surgery.files();
      expect(left.filter((path) => path.endsWith('.wal'))).toHaveLength(1);
    }
  });

  it('removes a segment of another length, which no later segment could reuse', async () => {
    const environment = simulatedEnvironment(3);
    await runWorkload(environment, async () => {
      const manager = openManager(environment, { segmentBytes, recycledMax: 4 });
      const { wal } = await manager.createWal(metadata);
      await wal.save({ entries: entriesOf(1, 1, 1, 1000) });
      await wal.save({ entries: entriesOf(2, 2, 1, 2 * segmentBytes) });
      await wal.save({
        entries: entriesOf(3, 3, 1, 10_000),
        hardState: { term: 1, vote: 1n, commit: 3 },
      });
      const { segmentsRemoved, segmentsRecycled } = await wal.purge(2);
      expect([segmentsRemoved, segmentsRecycled]).toEqual([1, 1]);
    });
  });

  it('offers recycled files to the writer', async () => {
    await withSegments({ recycledMax: 4 }, async ({ environment, opened }) => {
      const { wal, storage } = opened;
      await wal.purge(storage.lastIndex());
      const reuses = environment.fileSystem.inject({
        on: 'rename',
        path: /\/recycled-/,
        nth: 1000,
        fault: { type: 'error', kind: 'io' },
      });
      while (wal.stats.segments < 3) {
        const next = storage.lastIndex() + 1;
        await wal.save({ entries: entriesOf(next, next + 2, 1, 1000) });
      }
      expect(reuses.matches).toBeGreaterThan(0);
    });
  });

  it('does not sync the directory if no segment was released', async () => {
    await withSegments({}, async ({ environment, opened: { wal } }) => {
      const syncs = environment.fileSystem.inject({
        on: 'sync-directory',
        nth: 1000,
        fault: { type: 'error', kind: 'io' },
      });
      const { segmentsKept, bytesFreed } = await wal.purge(1);
      expect([segmentsKept, bytesFreed, syncs.matches]).toEqual([5, 0, 0]);
    });
  });

  it('names files that it could not remove, and the next purge removes them', async () => {
    await withSegments({ recycledMax: 0 }, async ({ environment, opened: { wal, storage } }) => {
      const last = storage.lastIndex();
      environment.fileSystem.inject({ on: 'unlink', fault: { type: 'error', kind: 'io' } });
      const report = await wal.purge(last);
      expect(report).toMatchObject({ segmentsRemoved: 3, bytesFreed: 3 * segmentBytes });
      expect(report.heldBy).toMatch(/^some files could not be removed yet.*: .*unlink/);
      await wal.save({ entries: entriesOf(last + 1, last + 1, 1) });
      await wal.save({ hardState: { term: 1, vote: 1n, commit: last + 1 } });
      const next = await wal.purge(last + 1);
      expect(next).toMatchObject({ segmentsRemoved: 1, bytesFreed: segmentBytes });
      expect(filesOf(environment)).toBe(1);
    });
  });
});
