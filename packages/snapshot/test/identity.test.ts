/**
 * The identity record of a folder of snapshots: crashes and failures at every call, damage, and its
 * removal.
 */
import { crashStates, runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import {
  crashAtEveryCall,
  crashInTheOpening,
  damageEverywhere,
  failEveryCall,
  failures,
  type IdentityStorage,
} from '@babuza/testkit/ladder';
import { encodeRecord } from '@babuza/vfs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DurableSnapshotManager, SnapshotError } from '../src/index.ts';
import { bytesOf, chunkBytes, filesOf, make, type Files } from './support.ts';

const folder = '/snap/group-0000000000000001';
const file = `${folder}/IDENTITY`;
const filesAt = (index: number): Files => ({ a: bytesOf(700, index) });

const expectedCodes: ReadonlySet<string> = new Set([
  'SNAPSHOT_WRITE_FAILED',
  'SNAPSHOT_READ_FAILED',
  'SNAPSHOT_NO_SPACE',
  'SNAPSHOT_TRY_AGAIN',
]);

const storage: IdentityStorage = {
  file,
  async open(environment) {
    const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
    try {
      await manager.open(1n);
    } catch (error) {
      await manager.close().catch(() => undefined);
      throw error;
    }
    return {
      write: (record) => manager.writeIdentity(record),
      read: () => manager.readIdentity(),
      work: async (step) => {
        await make(manager, 10 * step, filesAt(step));
        await manager.retain(1);
      },
      close: () => manager.close(),
    };
  },
  isExpected: (error) => error instanceof SnapshotError && expectedCodes.has(error.code),
};

/** The states for each of about 90 calls. `BABUZA_CRASH_STATES` sets their sum. */
const samples = Math.ceil(Number(process.env['BABUZA_CRASH_STATES'] ?? 360) / 90);

describe('the identity record of snapshots', () => {
  it('is the old or the new one after a crash at any call', async () => {
    expect(await crashAtEveryCall(storage, samples)).toBeGreaterThan(150);
  });

  it('is not changed by the opening after a crash, which crashes at any call', async () => {
    expect(await crashInTheOpening(storage, 6)).toBeGreaterThan(20);
  });

  for (const { name, fault } of failures) {
    it(`is the old or the new one when any call fails: ${name}`, async () => {
      expect(await failEveryCall(storage, fault, false)).toBeGreaterThan(2);
      expect(await failEveryCall(storage, fault, true)).toBeGreaterThan(0);
    });
  }

  it('is refused when any bit is wrong, and when it is cut at any length', async () => {
    const damages = await damageEverywhere(storage, (error, context) => {
      expect(error, context).toMatchObject({ code: 'SNAPSHOT_CORRUPT', details: { file } });
    });
    expect(damages).toBe(161);
  });

  it('of a newer release is refused by its version', async () => {
    const environment = simulatedEnvironment(1);
    const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
    await manager.open(1n);
    const record = encodeRecord(Uint8Array.of(1, 2, 3));
    const view = new DataView(record.buffer);
    view.setUint32(8, 2, true);
    view.setUint32(16, crc32(record.subarray(20), crc32(record.subarray(0, 16))), true);
    environment.fileSystem.surgery.put(file, record);
    await expect(manager.readIdentity()).rejects.toMatchObject({ code: 'SNAPSHOT_VERSION' });
    await manager.close();
  });
});

describe('removing all snapshots', () => {
  it('leaves at each crash newer snapshots with their record, or nothing', async () => {
    let states = 0;
    for (let stopAt = 1; ; stopAt += 1) {
      const disk = new SimulatedDisk({ seed: stopAt });
      const environment = simulatedEnvironment(2, disk);
      await runWorkload(environment, async () => {
        const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
        await manager.open(1n);
        await make(manager, 10, filesAt(10));
        await make(manager, 20, filesAt(20));
        await manager.writeIdentity(Uint8Array.of(7));
        await manager.close();
      });
      const start = disk.kill(1);
      start.stopAtMutation(stopAt);
      const world = simulatedEnvironment(3, start);
      const { outcome } = await runWorkload(world, async () => {
        const manager = new DurableSnapshotManager('/snap', { chunkBytes }, world);
        await manager.open(1n);
        await manager.removeAll();
      });
      if (outcome === 'finished') break;
      for (const { disk: left, lost } of crashStates(start, { exhaustiveMax: 16, samples: 8 })) {
        states += 1;
        const context = `stopped at ${stopAt}, lost: ${lost}`;
        const after = simulatedEnvironment(4, left);
        await runWorkload(after, async () => {
          const manager = new DurableSnapshotManager('/snap', { chunkBytes }, after);
          const found = (await manager.open(1n)).map(({ metadata }) => metadata.index);
          expect(['10,20', '20', ''], context).toContain(found.join());
          const record = await manager.readIdentity();
          if (found.length > 0) expect(record, context).toEqual(Uint8Array.of(7));
          for (const index of found) expect(await filesOf(manager, index)).toEqual(filesAt(index));
          await manager.removeAll();
          expect([manager.list(), await manager.readIdentity()], context).toEqual([[], undefined]);
          await manager.close();
        });
      }
    }
    expect(states).toBeGreaterThan(20);
  });

  it('keeps the record when a snapshot cannot be removed, and may be called again', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
    await manager.open(1n);
    await make(manager, 10, filesAt(10));
    await make(manager, 20, filesAt(20));
    await manager.writeIdentity(Uint8Array.of(7));
    const rule = disk.inject({ on: 'rename', path: /20-0/, fault: { type: 'error', kind: 'io' } });
    await expect(manager.removeAll()).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
    expect(rule.hits).toBe(1);
    expect(await manager.readIdentity()).toEqual(Uint8Array.of(7));
    await manager.removeAll();
    expect(await manager.readIdentity()).toBe(undefined);
    expect(disk.surgery.files().filter((path) => !path.endsWith('LOCK'))).toEqual([]);
    await manager.close();
  });
});
