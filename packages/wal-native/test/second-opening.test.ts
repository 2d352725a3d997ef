/**
 * A killed process or a failed sync leaves bytes in the page cache. The batches that an opening
 * accepts must be durable afterwards, and the batches that it cuts must not come back: after a
 * power cut the next opening finds the same log.
 */
import type { Entry } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { crashStates, runWorkload, simulatedEnvironment } from '@babuza/testkit';
import type { SimulatedDisk } from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import type { NativeWalOptions } from '../src/index.ts';
import { entriesOf, reopen } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

/** The disk after a process created a log, did some work, and was killed or failed. */
async function created(
  options: NativeWalOptions,
  work: (opened: OpenedWal) => Promise<void>,
  seed = 1,
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(seed);
  await runWorkload(environment, async () => {
    await work(await openManager(environment, options).createWal(metadata));
  });
  return environment.fileSystem.kill(seed);
}

const none = new Uint8Array(0);

describe('the content that an opening accepted', () => {
  it('is durable, however much of it there is', async () => {
    const options = { segmentBytes: 4 * 1024 * 1024 };
    const entries = entriesOf(1, 10, 1, 300 * 1024);
    const disk = await created(options, async ({ wal }) => {
      wal.setUnsafeNoFsync();
      await wal.save({ entries: entries.slice(0, 4) });
      await wal.save({ entries: entries.slice(4) });
    });
    expect((await reopen(disk, options)).entries.length).toBe(10);
    const after = await reopen(disk.crash(1), options);
    expect(after.error).toBeUndefined();
    // Comparing buffers is faster than comparing byte by byte.
    const bytesOf = (list: readonly Entry[]) => Buffer.concat(list.map(({ data }) => data ?? none));
    expect(bytesOf(after.entries).equals(bytesOf(entries))).toBe(true);
  });

  it('includes a batch whose sync failed', async () => {
    const disk = await created({}, async ({ wal }) => {
      await wal.save({ entries: entriesOf(1, 3) });
    });
    const environment = simulatedEnvironment(2, disk);
    await runWorkload(environment, async () => {
      const { wal } = await openManager(environment).replayWal();
      disk.inject({ on: 'write-durable', fault: { type: 'sync-error', pending: 'dropped' } });
      await expect(wal.save({ entries: entriesOf(4, 6) })).rejects.toMatchObject({
        code: 'WAL_POISONED',
      });
    });
    const killed = disk.kill(2);
    const seen = await reopen(killed, {}, ({ wal, storage }) =>
      wal.save({ entries: entriesOf(storage.lastIndex() + 1, storage.lastIndex() + 3) }),
    );
    const last = seen.entries.length + 3;
    for (const state of crashStates(killed)) {
      const after = await reopen(state.disk);
      expect(after.error, state.lost).toBeUndefined();
      expect(after.entries, state.lost).toEqual(entriesOf(1, last));
    }
  });

  it('includes a seal whose sync failed', async () => {
    const disk = await created({}, async ({ wal, storage }) => {
      for (let first = 1; first <= 4; first += 3) {
        await wal.save({ entries: entriesOf(first, first + 2, 1, 1000) });
      }
      expect(storage.lastIndex()).toBe(6);
    });
    const environment = simulatedEnvironment(2, disk);
    await runWorkload(environment, async () => {
      const { wal } = await openManager(environment).replayWal();
      // The first durable write of the rotation is the head of the next segment, the second is the
      // seal.
      const fault = { type: 'sync-error', pending: 'dropped' } as const;
      const failing = disk.inject({ on: 'write-durable', path: /-[0-9a-f]{8}\.wal$/, fault });
      await expect(wal.save({ entries: entriesOf(7, 12, 1, 1000) })).rejects.toMatchObject({
        code: 'WAL_POISONED',
      });
      expect(failing.hits).toBe(1);
    });
    const killed = disk.kill(2);
    const seen = await reopen(killed, {}, async ({ wal, storage }) => {
      expect(wal.stats.segments).toBe(2);
      const next = storage.lastIndex() + 1;
      await wal.save({ entries: entriesOf(next, next + 2, 1, 1000) });
    });
    const last = seen.entries.length + 3;
    for (let seed = 1; seed <= 6; seed += 1) {
      const after = await reopen(killed.crash(seed));
      expect(after.error).toBeUndefined();
      expect(after.entries).toEqual(entriesOf(1, last, 1, 1000));
    }
  });

  it('includes a segment whose name was not durable yet', async () => {
    for (const seed of [1, 2, 3]) {
      const disk = await created(
        {},
        async ({ wal }) => {
          for (let first = 1; first <= 4; first += 3) {
            await wal.save({ entries: entriesOf(first, first + 2, 1, 1000) });
          }
        },
        seed,
      );
      const environment = simulatedEnvironment(seed + 10, disk);
      let isRenamed = false;
      disk.stopWhen(({ operation }) => {
        const isNext = isRenamed;
        isRenamed ||= operation === 'rename';
        return isNext;
      });
      await runWorkload(environment, async () => {
        const { wal } = await openManager(environment).replayWal();
        await wal.save({ entries: entriesOf(7, 12, 1, 1000) });
      });
      const killed = disk.kill(seed);
      await reopen(killed, {}, async ({ wal }) => {
        expect(wal.stats.segments).toBe(2);
        await wal.save({ entries: entriesOf(7, 9, 1, 1000) });
      });
      for (let crash = 1; crash <= 8; crash += 1) {
        const after = await reopen(killed.crash(crash));
        expect(after.error).toBeUndefined();
        expect(after.entries).toEqual(entriesOf(1, 9, 1, 1000));
      }
    }
  });
});

describe('the content that an opening cut', () => {
  it('does not come back, even if it had many batches', async () => {
    const options = { segmentBytes: 64 * 1024 };
    const environment = simulatedEnvironment(1);
    let lostAt = 0;
    await runWorkload(environment, async () => {
      const { wal } = await openManager(environment, options).createWal(metadata);
      await wal.save({ entries: entriesOf(1, 3, 1, 1000) });
      wal.setUnsafeNoFsync();
      const written = environment.fileSystem.calls.length;
      for (let first = 4; first <= 20; first += 1) {
        await wal.save({ entries: entriesOf(first, first, 1, 1000) });
      }
      const call = environment.fileSystem.calls
        .slice(written)
        .find(({ operation }) => operation === 'write');
      lostAt = call?.position ?? 0;
    });
    const disk = environment.fileSystem.kill(1);
    const path = disk.surgery.files().find((name) => name.endsWith('.wal')) ?? '';
    expect(lostAt).toBeGreaterThan(0);
    disk.surgery.zero(path, lostAt, 600);
    const once = await reopen(disk, options);
    expect([once.error, once.entries.length, once.tail?.verdict]).toEqual([
      undefined,
      3,
      'uncertain',
    ]);
    const twice = await reopen(disk.kill(2), options);
    expect([twice.error, twice.entries.length, twice.tail?.verdict]).toEqual([
      undefined,
      3,
      'clean',
    ]);
  });
});

describe('a log that is killed, opened and written to in a segment that is nearly full', () => {
  it('keeps the space of its footer', async () => {
    for (let room = 0; room <= 1600; room += 40) {
      const many = entriesOf(1, 80, 1, 8);
      const disk = await created({}, async ({ wal }) => {
        await wal.save({ entries: many });
        await wal.save({ entries: entriesOf(81, 81, 1, 3200 - room) });
      });
      const added = entriesOf(82, 101, 1, 8);
      await reopen(disk, {}, async ({ wal }) => {
        for (const entry of added) await wal.save({ entries: [entry] });
        await wal.save({ entries: entriesOf(102, 104, 1, 3000) });
      });
      const after = await reopen(disk.kill(2));
      expect(after.error, `${room} free bytes`).toBeUndefined();
      expect(after.entries.length).toBe(104);
    }
  });
});
