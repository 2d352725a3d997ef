/**
 * A discard down to the newest snapshot, or to the start of the log, writes the log again into one
 * segment. Everything that is not discarded must still be there.
 */
import type { Entry, SnapshotMetadata } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import type { Fault, SimulatedDisk } from '@babuza/testkit';
import { confState, entriesFrom, metadata } from '@babuza/testkit/ladder';
import type { OpenedWal, ReplayOptions } from '@babuza/wal-core';
import {
  allEntries,
  codeOf,
  commitTo,
  created,
  fillTo,
  inWorld,
  reopened,
  snapshotAt,
} from './support/worlds.ts';

const discards: ReplayOptions = { discardUncommitted: true };
const first: SnapshotMetadata = snapshotAt(1, 1);
const second: SnapshotMetadata = snapshotAt(3, 1, { ...confState, voters: [1n, 2n, 7n] });

/** Two snapshots, the entries up to the newer one, and three segments of uncommitted entries. */
const before = (): Promise<SimulatedDisk> =>
  created(async (opened) => {
    await opened.wal.save({ entries: entriesFrom(1, 3, 1, 100), ...commitTo(3) });
    await opened.wal.saveSnapshot(first);
    await opened.wal.saveSnapshot(second);
    await fillTo(opened, 4);
  });

/** Only the last two entries are uncommitted, and the snapshot is just before them. */
const nearlyAllCommitted = (): Promise<SimulatedDisk> =>
  created(async (opened) => {
    const last = 3 + (await fillTo(opened, 4));
    await opened.wal.save({ entries: entriesFrom(last - 2, 3, 1, 1000), ...commitTo(last - 2) });
    await opened.wal.saveSnapshot(snapshotAt(last - 2, 1));
  });

/** The long payloads are compared with one call. */
const textOf = (entries: readonly Entry[]): string =>
  entries
    .map(
      ({ index, term, data }) => `${index} ${term} ${Buffer.from(data ?? []).toString('base64')}`,
    )
    .join();

/** The whole committed part of the log. */
function expectCommitted({ hardState, snapshots, storage }: OpenedWal, context: string): void {
  expect(hardState, context).toEqual(commitTo(3).hardState);
  expect(snapshots, context).toEqual([first, second]);
  expect(storage.entries(1, 4, Infinity), context).toEqual(entriesFrom(1, 3, 1, 100));
}

describe('a log that is written again', () => {
  it('has the hard state, all entries, and each snapshot with its own members', async () => {
    const once = await reopened(
      await before(),
      (opened) => expectCommitted(opened, 'at once'),
      discards,
    );
    await reopened(once.crash(1), (opened) => {
      expectCommitted(opened, 'after a power cut');
      expect(allEntries(opened)).toEqual(entriesFrom(1, 3, 1, 100));
    });
  });

  it('has all of it after a power cut at any call, even if nearly all of it is committed', async () => {
    const start = await nearlyAllCommitted();
    const finished = start.kill(1);
    let committed: Entry[] = [];
    const take = ({ storage }: OpenedWal): void => {
      committed = storage.entries(1, storage.lastIndex() + 1, Infinity);
    };
    await reopened(finished, take, discards);
    const isStep = ({ operation }: { operation: string }): boolean =>
      operation === 'unlink' || operation === 'sync-directory';
    const steps = finished.calls.filter(isStep).length;
    expect(steps).toBeGreaterThan(8);
    for (let nth = 1; nth <= steps; nth += 1) {
      const disk = start.kill(1);
      let seen = 0;
      disk.stopWhen((call) => {
        if (isStep(call)) seen += 1;
        return seen === nth;
      });
      await inWorld(disk, async (manager) => {
        await manager.replayWal(discards);
      });
      for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
        await reopened(disk.crash(seed), ({ storage, snapshots }) => {
          const context = `step ${nth}, seed ${seed}`;
          const left = storage.entries(1, committed.length + 1, Infinity);
          expect(textOf(left) === textOf(committed), context).toBe(true);
          expect(snapshots.map(({ index }) => index)).toEqual([committed.length]);
        });
      }
    }
  });

  for (const on of ['rename', 'open-directory'] as const) {
    it(`is the old one or the new one if the system lacks a resource once: ${on}`, async () => {
      const fault: Fault = { type: 'error', kind: 'too-many-open' };
      const start = await before();
      for (let nth = 1; ; nth += 1) {
        const disk = start.kill(1);
        const failing = disk.inject({ on, nth, fault });
        await inWorld(disk, async (manager) => {
          await codeOf(manager.replayWal(discards));
        });
        for (const left of [disk.kill(nth), disk.crash(nth)]) {
          await reopened(left, (opened) => expectCommitted(opened, `call ${nth}`));
        }
        if (failing.hits === 0) break;
      }
    });
  }

  it('removes no more segments after a failed sync of the directory', async () => {
    const fault: Fault = { type: 'sync-error', pending: 'kept' };
    let failures = 0;
    const start = await before();
    for (let nth = 1; ; nth += 1) {
      const disk = start.kill(1);
      const failing = disk.inject({ on: 'sync-directory', nth, fault });
      await inWorld(disk, async (manager) => {
        const outcome = await codeOf(manager.replayWal(discards));
        expect(outcome, `sync ${nth}`).toBe(failing.hits === 0 ? 'done' : 'WAL_POISONED');
        if (failing.hits > 0) expect(disk.openPaths, `sync ${nth}`).toEqual([]);
      });
      if (failing.hits === 0) break;
      failures += 1;
      const failed = disk.calls.map(({ operation }) => operation).lastIndexOf('sync-directory');
      const removed = disk.calls.slice(failed).filter(({ operation }) => operation === 'unlink');
      expect(removed, `sync ${nth}`).toEqual([]);
      await reopened(disk.crash(nth), (opened) => expectCommitted(opened, `sync ${nth}`));
    }
    expect(failures).toBeGreaterThan(4);
  });
});

/** The index of the first entry of the third segment. */
function thirdSegmentOf(disk: SimulatedDisk): number {
  const path = disk.surgery.files().find((name) => name.includes('/0000000000000002-'));
  return Number.parseInt(path?.slice(-20, -4) ?? '', 16);
}

describe('a discard down to the first entry of the oldest segment', () => {
  for (const withSnapshot of [false, true]) {
    it(`keeps the record that gives its term, with a snapshot: ${withSnapshot}`, async () => {
      let base = 0;
      const disk = await inWorld(undefined, async (manager, files) => {
        const opened = await manager.createWal(metadata);
        await fillTo(opened, 4);
        base = thirdSegmentOf(files);
        await opened.wal.save({ ...commitTo(base), entries: entriesFrom(base + 9, 1, 1, 10) });
        if (withSnapshot) await opened.wal.saveSnapshot(snapshotAt(base, 1));
        await opened.wal.purge(base);
      });
      const look = ({ storage, snapshots }: OpenedWal): void => {
        expect([storage.firstIndex(), storage.lastIndex()]).toEqual([base + 1, base]);
        expect(storage.term(base)).toBe(1);
        expect(snapshots).toEqual(withSnapshot ? [snapshotAt(base, 1)] : []);
      };
      const once = await reopened(disk.kill(1), look, discards);
      const twice = await reopened(once.crash(1), look, discards);
      const again = await reopened(twice.crash(2), async (opened) => {
        look(opened);
        await opened.wal.save({ entries: entriesFrom(base + 1, 2, 1, 10) });
      });
      await reopened(again.crash(3), (opened) => {
        expect(allEntries(opened)).toEqual(entriesFrom(base + 1, 2, 1, 10));
      });
    });
  }
});
