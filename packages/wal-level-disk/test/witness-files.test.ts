/**
 * The witness as a file: its bytes, what a torn write leaves, and damage. On the simulated disk.
 */
import { describe, expect, it } from 'vitest';
import { crashStates, runWorkload, simulatedEnvironment } from '@babuza/testkit';
import { decodeWitness, encodeWitness, WitnessFiles } from '../src/witness-files.ts';

function witness(): WitnessFiles {
  return new WitnessFiles('/log/witness', simulatedEnvironment(1).fileSystem);
}

describe('the record of a witness', () => {
  it('has these bytes', () => {
    const hex = Buffer.from(encodeWitness(0x0102n, 0x0304)).toString('hex');
    expect(hex).toBe('626162757a61777400000001000000000000000000000102000000000000030426477711');
  });

  it('is believed as it was written only', () => {
    const record = encodeWitness(7n, 2 ** 53 - 1);
    expect(decodeWitness(7n, record)).toBe(2 ** 53 - 1);
    expect(decodeWitness(8n, record)).toBe(undefined);
    for (let at = 0; at < record.length; at += 1) {
      const damaged = new Uint8Array(record);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(decodeWitness(7n, damaged), String(at)).toBe(undefined);
    }
    expect(decodeWitness(0n, new Uint8Array(512))).toBe(undefined);
  });
});

describe('a witness file', () => {
  it('remembers the newest, by group', async () => {
    const files = witness();
    expect(await files.recall(0n)).toEqual({ kind: 'nothing' });
    for (const batch of [1, 2, 5, 6, 6, 100]) {
      await files.remember(0n, batch, false);
      expect(await files.recall(0n)).toEqual({ kind: 'batch', batch });
    }
    await files.remember(2n ** 64n - 1n, 9, true);
    expect(await files.recall(2n ** 64n - 1n)).toEqual({ kind: 'batch', batch: 9 });
    expect(await files.recall(0n)).toEqual({ kind: 'batch', batch: 100 });
    expect(await files.recall(1n)).toEqual({ kind: 'nothing' });
  });

  it('is there or not, whatever it says; half a new one is none', async () => {
    const { fileSystem } = simulatedEnvironment(1);
    const files = new WitnessFiles('/log/witness', fileSystem);
    expect(await files.knowsAny()).toBe(false);
    await fileSystem.makeDirectory('/log/witness');
    await (await fileSystem.open('/log/witness/0000000000000007.tmp', 'create')).close();
    expect(await files.knowsAny()).toBe(false);
    await files.remember(7n, 1, true);
    expect(await files.knowsAny()).toBe(true);
    fileSystem.surgery.flipBit('/log/witness/0000000000000007', 20 * 8);
    expect(await files.knowsAny()).toBe(true);
  });

  it('is never damaged by a crash, and never says more than it was told', async () => {
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
        const files = new WitnessFiles('/log/witness', world.fileSystem);
        for (const [batch, isDurable] of steps) {
          attempted = batch;
          await files.remember(0n, batch, isDurable);
          if (isDurable) durable = batch;
        }
      });
      for (const { disk, lost } of crashStates(world.fileSystem)) {
        const recollection = await new WitnessFiles('/log/witness', disk).recall(0n);
        const context = `stopped at ${stop}, lost ${JSON.stringify(lost)}`;
        expect(recollection.kind, context).not.toBe('damaged');
        const batch = recollection.kind === 'batch' ? recollection.batch : 0;
        expect([0, ...steps.map(([told]) => told)], context).toContain(batch);
        expect(batch >= durable && batch <= attempted, `${context}: ${batch}`).toBe(true);
        states += 1;
      }
      if (outcome === 'finished') break;
    }
    expect(states).toBeGreaterThan(50);
  });

  it('is told apart from a damaged one, which is written anew', async () => {
    const { fileSystem } = simulatedEnvironment(1);
    const files = new WitnessFiles('/log/witness', fileSystem);
    await files.remember(0n, 5, true);
    await files.remember(0n, 6, true);
    const file = '/log/witness/0000000000000000';
    // One of the two places is damaged: the other one is there.
    fileSystem.surgery.zero(file, 512, 36);
    expect(await files.recall(0n)).toEqual({ kind: 'batch', batch: 5 });
    fileSystem.surgery.flipBit(file, 20 * 8);
    expect(await files.recall(0n)).toEqual({ kind: 'damaged', file });
    await files.remember(0n, 7, true);
    expect(await files.recall(0n)).toEqual({ kind: 'batch', batch: 7 });
  });
});
