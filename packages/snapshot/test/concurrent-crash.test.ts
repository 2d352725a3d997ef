/**
 * Power cuts and killed processes during overlapping calls: a snapshot is made while another one is
 * received, older ones are removed, and one is read and held open. Each call of the disk is held,
 * and the seed chooses which one goes on. `BABUZA_CONCURRENT_STATES` is the number of states that
 * are checked, `BABUZA_SEED` the first seed.
 */
import {
  crashStates,
  mixSeeds,
  RandomSchedule,
  runScheduled,
  runWorkload,
  SeededRandom,
  SimulatedDisk,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import { expect, it } from 'vitest';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { bytesOf, chunkBytes, filesOf, joined, make, type Files } from './support.ts';

const statesWanted = Number(process.env['BABUZA_CONCURRENT_STATES'] ?? 300);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

const filesAt = (index: number): Files => ({
  a: bytesOf(700, index),
  b: bytesOf(index % 3, index),
});

/** Which snapshots must exist, and which may. */
interface Told {
  readonly acknowledged: Set<number>;
  readonly attempted: Set<number>;
}

function managerOn(environment: SimulatedEnvironment): DurableSnapshotManager {
  return new DurableSnapshotManager('/data/snap', { chunkBytes }, environment);
}

async function creating(told: Told, index: number, work: () => Promise<unknown>): Promise<void> {
  told.attempted.add(index);
  await work();
  told.acknowledged.add(index);
}

/** Snapshot 25 arrives from another node. */
async function receive(manager: DurableSnapshotManager): Promise<void> {
  const other = new VolatileSnapshotManager({ chunkBytes });
  await other.open(1n);
  const { metadata, manifest } = await make(other, 25, filesAt(25));
  const stream = await joined(other.send(metadata));
  const offset = await manager.received(manifest);
  const rest = (async function* () {
    yield await Promise.resolve(stream.subarray(offset));
  })();
  await manager.receive(metadata, manifest, rest);
}

async function overlappingCalls(environment: SimulatedEnvironment, told: Told): Promise<void> {
  const { fileSystem: disk } = environment;
  const manager = managerOn(environment);
  await manager.open(1n);
  await creating(told, 10, () => make(manager, 10, filesAt(10)));
  await creating(told, 15, () => make(manager, 15, filesAt(15)));
  await creating(told, 20, () => make(manager, 20, filesAt(20)));
  const remove = async (index: number): Promise<void> => {
    told.acknowledged.delete(index);
    await manager.remove({ index, term: 1 });
  };
  const callers = [
    () => creating(told, 30, () => make(manager, 30, filesAt(30))),
    () => creating(told, 25, () => receive(manager)),
    async () => {
      const open = await manager.read({ index: 15, term: 1 });
      await disk.step('15 is held');
      for (const name of open.fileNames) {
        expect(await joined(open.readFile(name))).toEqual(filesAt(15)[name]);
      }
      await open.close();
      await remove(15);
    },
    async () => {
      await remove(10);
      await creating(told, 40, () => make(manager, 40, filesAt(40)));
    },
  ];
  await Promise.all(
    callers.map(async (call, number) => {
      await disk.step(`caller ${number}`);
      await call();
    }),
  );
  await manager.close();
}

async function judge(left: SimulatedDisk, told: Told, context: string): Promise<void> {
  const environment = simulatedEnvironment(3, left);
  await runWorkload(environment, async () => {
    const manager = managerOn(environment);
    const found = (await manager.open(1n)).map(({ metadata }) => metadata.index);
    const missing = [...told.acknowledged].filter((index) => !found.includes(index));
    expect(missing, `${context}: acknowledged and gone`).toEqual([]);
    const strange = found.filter((index) => !told.attempted.has(index));
    expect(strange, `${context}: there although it was never made`).toEqual([]);
    for (const index of found) {
      expect(await filesOf(manager, index), `${context}: ${index}`).toEqual(filesAt(index));
    }
    const names = left.surgery.files().join('\n');
    expect(names, `${context}: false damage, or leftovers`).not.toMatch(/damaged|\.tmp|\.gone/);
    await manager.close();
  });
}

/** Runs one seed and returns how many states of a power cut were checked. */
async function statesOf(seed: number): Promise<number> {
  const pieceBytes = [512, 4096, 512, 1][seed % 4] ?? 512;
  const disk = new SimulatedDisk({ seed, pieceBytes, showsGarbage: seed % 2 === 0 });
  const environment = simulatedEnvironment(seed, disk);
  const told: Told = { acknowledged: new Set(), attempted: new Set() };
  const random = new SeededRandom(mixSeeds(seed, 1));
  let states = 0;
  const { outcome } = await runScheduled(environment, () => overlappingCalls(environment, told), {
    schedule: new RandomSchedule(seed),
    atRest: async () => {
      if (random.below(5) !== 0) return;
      const at = disk.calls.length;
      await judge(disk.kill(at, true), told, `seed ${seed}, killed at call ${at}`);
      const options = { exhaustiveMax: 4, samples: 4, seed: at, goesOn: true };
      for (const { disk: left, lost } of crashStates(disk, options)) {
        states += 1;
        await judge(left, told, `seed ${seed}, power cut at call ${at}, lost: ${lost}`);
      }
    },
  });
  expect(outcome).toBe('finished');
  expect(told.acknowledged, `seed ${seed}`).toEqual(new Set([20, 25, 30, 40]));
  return states;
}

it(`crashes during overlapping calls leave each snapshot whole: ${statesWanted} states from seed ${firstSeed} on`, async () => {
  let states = 0;
  for (let seed = firstSeed; states < statesWanted; seed += 1) states += await statesOf(seed);
}, 300_000);
