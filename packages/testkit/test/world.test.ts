import { describe, expect, it } from 'vitest';
import {
  SeededRandom,
  SimulatedClock,
  SimulatedDisk,
  WorkloadHangs,
  isWorldStopped,
  runWorkload,
  simulatedEnvironment,
} from '../src/index.ts';

async function orderOf(seed: number): Promise<string> {
  const disk = new SimulatedDisk({ seed });
  const done: string[] = [];
  const calls = ['a', 'b', 'c', 'd'].map(async (name) => {
    await disk.open(`/${name}`, 'create');
    done.push(name);
  });
  await Promise.all(calls);
  return done.join('');
}

describe('order of calls', () => {
  it('depends on the seed, and on nothing else', async () => {
    const orders = await Promise.all(Array.from({ length: 40 }, (_, seed) => orderOf(seed)));
    const again = await Promise.all(Array.from({ length: 40 }, (_, seed) => orderOf(seed)));
    expect(again).toEqual(orders);
    expect(new Set(orders).size).toBeGreaterThan(8);
  });
});

describe('simulated clock', () => {
  it('stands still until it is moved, and fires timers in order', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    clock.startTimer(20, () => fired.push('20'));
    clock.startTimer(10, () => fired.push('10 first'));
    clock.startTimer(10, () => fired.push('10 second'));
    clock.startTimer(15, () => fired.push('never')).cancel();
    await clock.advance(9);
    expect(fired).toEqual([]);
    await clock.advance(11);
    expect(fired).toEqual(['10 first', '10 second', '20']);
    expect(clock.monotonicMs()).toBe(20);
    expect(clock.pendingCount).toBe(0);
  });

  it('lets one sleep follow another within one step', async () => {
    const clock = new SimulatedClock();
    const woken: number[] = [];
    const sleeper = (async () => {
      for (let count = 0; count < 3; count += 1) {
        await clock.sleep(5);
        woken.push(clock.monotonicMs());
      }
    })();
    await clock.advance(15);
    await sleeper;
    expect(woken).toEqual([5, 10, 15]);
  });

  it('lets only the wall clock jump', () => {
    const clock = new SimulatedClock();
    const wallMs = clock.wallMs();
    clock.jumpWall(-5000);
    expect(clock.wallMs()).toBe(wallMs - 5000);
    expect(clock.monotonicMs()).toBe(0);
  });
});

describe('a workload', () => {
  it('runs to its end; time passes while it sleeps', async () => {
    const world = simulatedEnvironment(1);
    const result = await runWorkload(world, async () => {
      await world.clock.sleep(3_600_000);
      await world.fileSystem.open('/a', 'create');
      return world.clock.monotonicMs();
    });
    expect(result).toEqual({ outcome: 'finished', value: 3_600_000 });
  });

  it('passes on the errors of the workload', async () => {
    const world = simulatedEnvironment(1);
    await expect(runWorkload(world, () => world.fileSystem.unlink('/a'))).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  it('ends, with its clock, when the world stops, even in a synchronous call', async () => {
    for (const synchronous of [false, true]) {
      const world = simulatedEnvironment(1);
      world.fileSystem.stopAtCall(2);
      let late = false;
      world.clock.startTimer(5, () => {
        late = true;
      });
      let caught: unknown;
      const result = await runWorkload(world, async () => {
        const file = await world.fileSystem.open('/a', 'create');
        try {
          if (synchronous) file.writeSync(new Uint8Array(1), 0);
          else await file.write(new Uint8Array(1), 0);
        } catch (error) {
          caught = error;
          throw error;
        }
      });
      expect(result).toEqual({ outcome: 'stopped' });
      await world.clock.advance(10);
      expect(late).toBe(false);
      expect(isWorldStopped(caught)).toBe(synchronous);
    }
  });

  it('is reported at once if it can never end', async () => {
    const world = simulatedEnvironment(1);
    const hanging = runWorkload(world, async () => {
      await world.fileSystem.list('/');
      await new Promise(() => {});
    });
    await expect(hanging).rejects.toThrow(WorkloadHangs);
    await expect(hanging).rejects.toThrow('1 list / = ok');
  });
});

describe('seeded random numbers', () => {
  it('are the same for the same seed, spread, and within their limits', () => {
    const [one, two] = [new SeededRandom(7), new SeededRandom(7)];
    const counts = Array.from({ length: 10 }, () => 0);
    for (let count = 0; count < 10_000; count += 1) {
      expect(one.uint32()).toBe(two.uint32());
      const value = one.below(10);
      expect(value).toBe(two.below(10));
      counts[value] = (counts[value] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});
