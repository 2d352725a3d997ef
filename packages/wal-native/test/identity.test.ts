/**
 * The identity record of a native log: crashes and failures at every call, damage, and a record
 * without its log.
 */
import { crc32 } from 'node:zlib';
import { runWorkload, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import {
  crashAtEveryCall,
  crashInTheOpening,
  damageEverywhere,
  failEveryCall,
  failures,
  identityOfLog,
} from '@babuza/testkit/ladder';
import { encodeRecord } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import { describe, expect, it } from 'vitest';
import { backEnd, directory, openManager } from './support/workload.ts';

const storage = identityOfLog(backEnd);
const metadata = { clusterId: 1n, nodeId: 1n };
const file = `${directory}/IDENTITY`;

/** The states for each of about 60 calls; `BABUZA_CRASH_STATES` sets the total. */
const samples = Math.ceil(Number(process.env['BABUZA_CRASH_STATES'] ?? 360) / 60);

/** Runs the work in a new environment, with a manager that is closed afterwards. */
async function inWorld(
  work: (environment: SimulatedEnvironment, manager: WalManager) => Promise<void>,
): Promise<SimulatedEnvironment> {
  const environment = simulatedEnvironment(1);
  await runWorkload(environment, async () => {
    const manager = openManager(environment);
    try {
      await work(environment, manager);
    } finally {
      await manager.close();
    }
  });
  return environment;
}

describe('the identity record', () => {
  it('is the old or the new one after a crash at any call', async () => {
    expect(await crashAtEveryCall(storage, samples)).toBeGreaterThan(150);
  });

  it('is not changed by the opening after a crash, even if that crashes at any call', async () => {
    expect(await crashInTheOpening(storage, 4)).toBeGreaterThan(20);
  });

  for (const { name, fault } of failures) {
    it(`is the old or the new one when any call fails: ${name}`, async () => {
      const calls = await failEveryCall(storage, fault, false);
      expect(calls).toBeGreaterThan(2);
      expect(await failEveryCall(storage, fault, true)).toBeGreaterThan(0);
    });
  }

  it('is refused if any bit is wrong, and if it is cut at any length', async () => {
    const damages = await damageEverywhere(storage, (error, context) => {
      expect(error, context).toMatchObject({ code: 'WAL_CORRUPT', file, groupId: 0n });
    });
    expect(damages).toBe(161);
  });

  it('of a newer release is refused by its version', async () => {
    await inWorld(async ({ fileSystem }, manager) => {
      await manager.createWal(metadata);
      fileSystem.surgery.put(file, newerRecord());
      await expect(manager.readIdentity()).rejects.toMatchObject({ code: 'WAL_VERSION', file });
    });
  });
});

describe('a disk that fails while the identity record is written', () => {
  for (const operation of ['open', 'write', 'datasync', 'rename', 'sync-directory'] as const) {
    for (const kind of ['io', 'no-space', 'permission', 'too-many-open', 'try-again'] as const) {
      it(`does not poison the log: ${operation}, ${kind}`, async () => {
        await inWorld(async ({ fileSystem }, manager) => {
          const { wal } = await manager.createWal(metadata);
          await manager.writeIdentity(Uint8Array.of(1));
          const rule = fileSystem.inject({
            on: operation,
            path: operation === 'sync-directory' ? directory : /IDENTITY/,
            fault: { type: 'error', kind },
          });
          // A failed call that stores bytes is a failed write, whatever the reason.
          const stores = operation !== 'open' && operation !== 'rename';
          const shortage = stores ? 'WAL_WRITE_FAILED' : 'WAL_TRY_AGAIN';
          const codes = {
            io: 'WAL_WRITE_FAILED',
            'no-space': 'WAL_NO_SPACE',
            permission: 'WAL_PERMISSION',
            'too-many-open': shortage,
            'try-again': shortage,
          };
          const failing = manager.writeIdentity(Uint8Array.of(2));
          await expect(failing).rejects.toMatchObject({ code: codes[kind], cause: { kind } });
          expect(rule.hits).toBe(1);
          const old = operation === 'sync-directory' ? 2 : 1;
          expect(await manager.readIdentity()).toEqual(Uint8Array.of(old));
          await wal.save({ entries: [{ index: 1, term: 1, type: 0 }] });
          await manager.writeIdentity(Uint8Array.of(3));
          expect(await manager.readIdentity()).toEqual(Uint8Array.of(3));
          expect(
            fileSystem.surgery.files().filter((path) => path.endsWith('IDENTITY.tmp')),
          ).toEqual([]);
        });
      });
    }
  }

  it('never renames a file whose sync failed', async () => {
    await inWorld(async ({ fileSystem }, manager) => {
      await manager.createWal(metadata);
      await manager.writeIdentity(Uint8Array.of(1));
      const from = fileSystem.calls.length;
      const fault = { type: 'sync-error', pending: 'dropped' } as const;
      fileSystem.inject({ on: 'datasync', path: /IDENTITY/, fault });
      await expect(manager.writeIdentity(Uint8Array.of(2))).rejects.toMatchObject({
        code: 'WAL_WRITE_FAILED',
      });
      const operations = fileSystem.calls.slice(from).map(({ operation }) => operation);
      expect(operations).toContain('datasync');
      expect(operations).not.toContain('rename');
    });
  });
});

describe('an identity record without its log', () => {
  for (const name of ['IDENTITY', 'IDENTITY.tmp']) {
    it(`prevents a new log in its directory: ${name}`, async () => {
      await inWorld(async ({ fileSystem }, manager) => {
        await fileSystem.makeDirectory(directory);
        fileSystem.surgery.put(`${directory}/${name}`, Uint8Array.of(1));
        expect(await manager.hasExistingWal()).toBe(false);
        expect(await manager.readIdentity()).toBe(undefined);
        await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_NOT_FOUND' });
        const creating = manager.createWal(metadata);
        await expect(creating).rejects.toMatchObject({
          code: 'WAL_FOREIGN',
          file: `${directory}/${name}`,
        });
        await expect(creating).rejects.toThrow(/the log is lost.*move this file away/);
        expect(fileSystem.surgery.contents(`${directory}/${name}`)).toEqual(Uint8Array.of(1));
        await fileSystem.unlink(`${directory}/${name}`);
        await manager.createWal(metadata);
      });
    });
  }

  it('of another group does not matter', async () => {
    await inWorld(async ({ fileSystem }, manager) => {
      await manager.createWal(metadata, { groupId: 1n });
      await manager.writeIdentity(Uint8Array.of(1), { groupId: 1n });
      await manager.createWal(metadata);
      const records = fileSystem.surgery.files().filter((path) => path.endsWith('IDENTITY'));
      expect(records).toEqual([`${directory}/group-0000000000000001/IDENTITY`]);
    });
  });
});

/** An intact record of version 2. */
function newerRecord(): Uint8Array {
  const record = encodeRecord(Uint8Array.of(1, 2, 3));
  const view = new DataView(record.buffer);
  view.setUint32(8, 2, true);
  view.setUint32(16, crc32(record.subarray(20), crc32(record.subarray(0, 16))), true);
  return record;
}
