/**
 * Worlds whose calls are held: the schedule alone decides the order, and all orders can be
 * enumerated.
 */
import { describe, expect, it } from 'vitest';
import {
  crashStates,
  RandomSchedule,
  runScheduled,
  simulatedEnvironment,
  WorkloadHangs,
  type SimulatedDisk,
  type SimulatedEnvironment,
} from '../src/index.ts';
import { Explored, Path } from '../src/ladder/paths.ts';

/** Two callers. Each writes twice, to a file of its own or to the same file. */
async function twoCallers({ fileSystem: disk }: SimulatedEnvironment, files: string[]) {
  await Promise.all(
    files.map(async (path, at) => {
      const file = await disk.open(path, 'create').catch(() => disk.open(path, 'write'));
      await disk.step(`caller ${at}`);
      for (const position of [0, 512]) {
        await file.write(new Uint8Array(512).fill(at + 1), position + 1024 * at);
      }
    }),
  );
}

const orderOf = (disk: SimulatedDisk): string =>
  disk.calls
    .filter(({ operation }) => operation === 'write')
    .map(({ position }) => ((position ?? 0) < 1024 ? 'a' : 'b'))
    .join('');

async function allOrders(files: string[], switchesMax: number): Promise<string[]> {
  const orders: string[] = [];
  const explored = new Explored();
  for (let prefix: number[] | undefined = []; prefix !== undefined;) {
    const environment = simulatedEnvironment(1);
    const { fileSystem: disk } = environment;
    const path = new Path(prefix, switchesMax);
    const { outcome } = await runScheduled(environment, () => twoCallers(environment, files), {
      schedule: path,
      asksForMutationsOnly: true,
      atRest: () => {
        const state = path.stateWith(disk.heldCalls);
        if (path.isNew && explored.covers(path, state)) disk.stop();
        return Promise.resolve();
      },
    });
    if (outcome === 'finished') orders.push(orderOf(disk));
    prefix = path.next();
  }
  return orders;
}

describe('a world whose calls are held', () => {
  it('is repeated by the same seed and differs for another seed', async () => {
    const traceOf = async (seed: number): Promise<string> => {
      const environment = simulatedEnvironment(1);
      await runScheduled(environment, () => twoCallers(environment, ['/a', '/b', '/c']), {
        schedule: new RandomSchedule(seed),
      });
      return environment.fileSystem.trace();
    };
    expect(await traceOf(3)).toBe(await traceOf(3));
    const traces = await Promise.all([1, 2, 3, 4, 5, 6].map(traceOf));
    expect(new Set(traces).size).toBeGreaterThan(2);
  });

  it('goes through the orders of calls that do not commute, within the bound of switches', async () => {
    // The order in which the calls are made. The writes to one file do not commute.
    const orders = async (files: string[], switchesMax: number): Promise<string[]> =>
      [...new Set(await allOrders(files, switchesMax))].sort();
    expect(await orders(['/a', '/a'], 0)).toEqual(['aabb', 'bbaa']);
    expect((await orders(['/a', '/a'], Infinity)).length).toBeGreaterThan(3);
    const commuting = (await allOrders(['/a', '/b'], Infinity)).length;
    expect(commuting).toBeLessThan((await allOrders(['/a', '/a'], Infinity)).length);
  });

  it('lets a timer fire while a call is held, if the schedule chooses it', async () => {
    const environment = simulatedEnvironment(1);
    const { fileSystem: disk, clock } = environment;
    const events: string[] = [];
    await runScheduled(
      environment,
      async () => {
        clock.startTimer(50, () => events.push('timer'));
        await disk.makeDirectory('/a');
        events.push('made');
      },
      {
        schedule: {
          choose: (options) => options.find(({ call }) => call === undefined) ?? options[0],
        },
      },
    );
    expect(events).toEqual(['timer', 'made']);
  });

  it('shows the crash states of a moment and continues', async () => {
    const environment = simulatedEnvironment(1);
    const { fileSystem: disk } = environment;
    const left = new Set<string>();
    const { outcome } = await runScheduled(
      environment,
      async () => {
        const file = await disk.open('/a', 'create');
        await disk.syncDirectory('/');
        await file.writeDurable([new Uint8Array(512).fill(1)], 0);
      },
      {
        schedule: new RandomSchedule(2),
        atRest: () => {
          for (const { disk: after } of crashStates(disk, { goesOn: true })) {
            left.add(after.surgery.files().join());
          }
          return Promise.resolve();
        },
      },
    );
    expect(outcome).toBe('finished');
    expect(disk.stopped).toBe(false);
    expect([...left].sort()).toEqual(['', '/a']);
  });

  it('throws WorkloadHangs when nothing can happen any more', async () => {
    const environment = simulatedEnvironment(1);
    const never = new Promise<void>(() => {});
    const run = runScheduled(environment, () => never, { schedule: new RandomSchedule(1) });
    await expect(run).rejects.toBeInstanceOf(WorkloadHangs);
  });
});
