/**
 * Loss, duplication, delay and reordering: they happen as configured, and a run can be repeated.
 */
import { describe, expect, it } from 'vitest';
import { count, message, numbersOf, pair, World } from './support.ts';

describe('faults', () => {
  it('loss, duplication and delay have about the configured share, in their direction', async () => {
    const { world, a, b } = await pair();
    const direction = { from: 'address-1', to: 'address-2' };
    world.network.setFaults({ loss: 0.5, duplication: 0.2, delayMs: [10, 30] }, direction);
    for (const number of count(10)) {
      a.transport.send(count(100).map((at) => message(1, 2, number * 100 + at)));
      b.transport.send([message(2, 1, number)]);
      await world.pass(9);
      if (number === 0) expect(b.received).toEqual([]);
      await world.pass(41);
    }
    const { lost, duplicated } = world.network.counts;
    expect(lost).toBeGreaterThan(430);
    expect(lost).toBeLessThan(570);
    expect(duplicated).toBeGreaterThan(50);
    expect(b.received).toHaveLength(1000 - lost + duplicated);
    expect(numbersOf(a)).toEqual(count(10));
  });

  it('reordering lets messages overtake; without it they never do, whatever their delays are', async () => {
    for (const reordering of [false, true]) {
      const { world, a, b } = await pair();
      world.network.setFaults({ delayMs: [0, 50], reordering });
      for (const number of count(40)) {
        a.transport.send([message(1, 2, number)]);
        await world.pass(1);
      }
      await world.pass(60);
      const numbers = numbersOf(b);
      const sorted = numbers.toSorted((x, y) => x - y);
      expect(sorted).toEqual(count(40));
      if (reordering) expect(numbers).not.toEqual(sorted);
      else expect(numbers).toEqual(sorted);
    }
  });

  it('the newest rule counts, for each field by itself', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ loss: 1, delayMs: [5, 5] });
    world.network.setFaults({ loss: 0 }, { to: 'address-2' });
    a.transport.send([message(1, 2)]);
    b.transport.send([message(2, 1)]);
    await world.pass(4);
    expect(b.received).toEqual([]);
    await world.pass(1);
    expect([a.received.length, b.received.length]).toEqual([0, 1]);
    world.network.heal({ faults: true });
    b.transport.send([message(2, 1)]);
    await world.pass(0);
    expect(a.received).toHaveLength(1);
  });

  it.each([
    [{ loss: 1.5 }, 'loss must be from 0 to 1; got 1.5'],
    [{ duplication: -1 }, 'duplication must be'],
    [{ delayMs: [5, 1] as const }, 'delayMs must be'],
  ])('%o is refused', (faults, problem) => {
    const world = new World();
    expect(() => world.network.setFaults(faults)).toThrow(
      expect.objectContaining({
        code: 'TRANSPORT_INVALID',
        message: expect.stringContaining(problem),
      }),
    );
  });

  it('a copy comes right behind the first message, and shares nothing with it', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ duplication: 0.5, delayMs: [0, 30] });
    for (const number of count(60)) {
      a.transport.send([{ ...message(1, 2, number), context: Uint8Array.of(7) }]);
      await world.pass(1);
    }
    await world.pass(60);
    const numbers = numbersOf(b);
    expect(numbers.length).toBeGreaterThan(75);
    expect(numbers).toEqual(numbers.toSorted((x, y) => x - y));
    for (const { context } of b.received) {
      expect(context).toEqual(Uint8Array.of(7));
      context?.fill(8);
    }
  });

  it('copies count in the queue, too', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send([message(1, 2)]);
    world.network.setFaults({ duplication: 1 });
    a.transport.send(count(200).map((number) => message(1, 2, number)));
    await world.pass(10);
    // One message alone, 127 with their copies, and one whose copy exceeds the bound.
    expect(b.received).toHaveLength(256);
    expect(world.network.counts).toMatchObject({ sent: 201, duplicated: 127, overflowed: 72 });
  });

  it('fields that a later rule leaves out stay, and a general rule overrides a special one', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ loss: 1, delayMs: [5, 5] }, { from: 'address-1' });
    world.network.setFaults({ loss: 0 });
    a.transport.send([message(1, 2)]);
    await world.pass(4);
    expect(b.received).toEqual([]);
    await world.pass(1);
    expect(b.received).toHaveLength(1);
  });

  it('a run is the same with the same seed, and another with another', async () => {
    const trace = async (seed: number): Promise<string> => {
      const { world, a, b } = await pair(seed);
      world.network.setFaults({ loss: 0.2, duplication: 0.2, delayMs: [0, 20], reordering: true });
      for (const number of count(50)) {
        a.transport.send([message(1, 2, number)]);
        await world.pass(2);
      }
      await world.pass(30);
      return numbersOf(b).join(' ');
    };
    expect(await trace(5)).toBe(await trace(5));
    expect(await trace(5)).not.toBe(await trace(6));
  });
});
