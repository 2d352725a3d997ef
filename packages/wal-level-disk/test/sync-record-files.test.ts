/** The sync record as a file on the simulated disk: its bytes, torn writes, and damage. */
import { describe, expect, it } from 'vitest';
import { crashStates, runWorkload, simulatedEnvironment } from '@babuza/testkit';
import { decodeSyncRecord, encodeSyncRecord, SyncRecordFiles } from '../src/sync-record-files.ts';

function syncRecords(): SyncRecordFiles {
  return new SyncRecordFiles('/log/witness', simulatedEnvironment(1).fileSystem);
}

describe('a slot of a sync record', () => {
  it('has these bytes', () => {
    const hex = Buffer.from(encodeSyncRecord(0x0102n, 0x0304)).toString('hex');
    expect(hex).toBe('626162757a61777400000001000000000000000000000102000000000000030426477711');
  });

  it('is accepted only as it was written', () => {
    const record = encodeSyncRecord(7n, 2 ** 53 - 1);
    expect(decodeSyncRecord(7n, record)).toBe(2 ** 53 - 1);
    expect(decodeSyncRecord(8n, record)).toBe(undefined);
    for (let at = 0; at < record.length; at += 1) {
      const damaged = new Uint8Array(record);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(decodeSyncRecord(7n, damaged), String(at)).toBe(undefined);
    }
    expect(decodeSyncRecord(0n, new Uint8Array(512))).toBe(undefined);
  });
});

describe('a sync record', () => {
  it('stores the newest batch of each group', async () => {
    const files = syncRecords();
    expect(await files.read(0n)).toEqual({ kind: 'absent' });
    for (const batch of [1, 2, 5, 6, 6, 100]) {
      await files.write(0n, batch, false);
      expect(await files.read(0n)).toEqual({ kind: 'batch', batch });
    }
    await files.write(2n ** 64n - 1n, 9, true);
    expect(await files.read(2n ** 64n - 1n)).toEqual({ kind: 'batch', batch: 9 });
    expect(await files.read(0n)).toEqual({ kind: 'batch', batch: 100 });
    expect(await files.read(1n)).toEqual({ kind: 'absent' });
  });

  it('exists even if it is damaged, but not as a temporary file', async () => {
    const { fileSystem } = simulatedEnvironment(1);
    const files = new SyncRecordFiles('/log/witness', fileSystem);
    expect(await files.hasAny()).toBe(false);
    await fileSystem.makeDirectory('/log/witness');
    await (await fileSystem.open('/log/witness/0000000000000007.tmp', 'create')).close();
    expect(await files.hasAny()).toBe(false);
    await files.write(7n, 1, true);
    expect(await files.hasAny()).toBe(true);
    fileSystem.surgery.flipBit('/log/witness/0000000000000007', 20 * 8);
    expect(await files.hasAny()).toBe(true);
  });

  it('is never damaged by a crash, and never names a batch that was not written to it', async () => {
    const steps: readonly (readonly [batch: number, durable: boolean])[] = [
      [1, true],
      [4, false],
      [9, false],
      [12, true],
      [13, false],
    ];
    let states = 0;
    for (let stop = 1; ; stop += 1) {
      const world = simulatedEnvironment(stop);
      world.fileSystem.stopAtMutation(stop);
      let durable = 0;
      let attempted = 0;
      const { outcome } = await runWorkload(world, async () => {
        const files = new SyncRecordFiles('/log/witness', world.fileSystem);
        for (const [batch, isDurable] of steps) {
          attempted = batch;
          await files.write(0n, batch, isDurable);
          if (isDurable) durable = batch;
        }
      });
      for (const { disk, lost } of crashStates(world.fileSystem)) {
        const stored = await new SyncRecordFiles('/log/witness', disk).read(0n);
        const context = `stopped at ${stop}, lost ${JSON.stringify(lost)}`;
        expect(stored.kind, context).not.toBe('damaged');
        const batch = stored.kind === 'batch' ? stored.batch : 0;
        expect([0, ...steps.map(([told]) => told)], context).toContain(batch);
        expect(batch >= durable && batch <= attempted, `${context}: ${batch}`).toBe(true);
        states += 1;
      }
      if (outcome === 'finished') break;
    }
    expect(states).toBeGreaterThan(50);
  });

  it('with two damaged slots is reported as damaged and replaced by the next write', async () => {
    const { fileSystem } = simulatedEnvironment(1);
    const files = new SyncRecordFiles('/log/witness', fileSystem);
    await files.write(0n, 5, true);
    await files.write(0n, 6, true);
    const file = '/log/witness/0000000000000000';
    // One of the two slots is damaged, and the other one is valid.
    fileSystem.surgery.zero(file, 512, 36);
    expect(await files.read(0n)).toEqual({ kind: 'batch', batch: 5 });
    fileSystem.surgery.flipBit(file, 20 * 8);
    expect(await files.read(0n)).toEqual({ kind: 'damaged', file });
    await files.write(0n, 7, true);
    expect(await files.read(0n)).toEqual({ kind: 'batch', batch: 7 });
  });
});
