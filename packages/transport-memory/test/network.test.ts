/** What the network does to messages, and what it never does. */
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryNetwork, MemoryTransport } from '../src/index.ts';
import { message, numbersOf, peer, World } from './support.ts';

const count = (length: number): number[] => Array.from({ length }, (_, at) => at);

async function pair(world: World) {
  const [a, b] = await world.members(2);
  if (a === undefined || b === undefined) throw new Error('there are two');
  return { a, b };
}

describe('messages', () => {
  it('arrive in order, never within the call, as objects of the receiver', async () => {
    const world = new World();
    const { a, b } = await pair(world);
    const sent = { ...message(1, 2, 7), context: Uint8Array.of(1, 2, 3) };
    a.transport.send([sent, message(1, 2, 8)]);
    expect(b.received).toEqual([]);
    sent.context[0] = 9;
    await world.pass(0);
    expect(numbersOf(b)).toEqual([7, 8]);
    expect(b.received[0]?.context).toEqual(Uint8Array.of(1, 2, 3));
    expect(world.network.counts).toMatchObject({ sent: 2, delivered: 2 });
  });

  it('to a member without address, or where nobody listens, are reported later', async () => {
    const world = new World();
    const { a } = await pair(world);
    a.transport.setPeer(peer(5));
    a.transport.send([message(1, 4), message(1, 5)]);
    expect(a.unreachable).toEqual([]);
    await world.pass(0);
    expect(a.unreachable).toEqual([4n, 5n]);
    expect(world.network.counts).toMatchObject({ sent: 2, unreachable: 2, delivered: 0 });
  });

  it('go to the address that is known last', async () => {
    const world = new World();
    const { a, b } = await pair(world);
    const moved = await world.member(2, 1n, 'elsewhere');
    a.transport.setPeer({ id: 2n, address: 'elsewhere' });
    a.transport.send([message(1, 2, 1)]);
    await world.pass(0);
    expect([numbersOf(b), numbersOf(moved)]).toEqual([[], [1]]);
  });

  it('of another cluster, of who is not what it says, for somebody else, and of removed members are refused', async () => {
    const world = new World();
    const { a, b } = await pair(world);
    const stranger = await world.member(3, 2n);
    stranger.transport.setPeer(peer(2));
    stranger.transport.send([message(3, 2)]);
    a.transport.send([message(7, 2)]);
    a.transport.setPeer({ id: 9n, address: 'address-2' });
    a.transport.send([message(1, 9)]);
    b.transport.removePeer(1n);
    a.transport.send([message(1, 2)]);
    await world.pass(0);
    expect(b.received).toEqual([]);
    expect(world.network.counts).toMatchObject({ sent: 4, refused: 4, delivered: 0 });
    b.transport.setPeer(peer(1));
    a.transport.send([message(1, 2)]);
    await world.pass(0);
    expect(b.received).toHaveLength(1);
  });

  it('of a member that is not known yet are taken, and can be answered', async () => {
    const world = new World();
    const leader = await world.member(1);
    const joiner = await world.member(2);
    leader.transport.setPeer(peer(2));
    leader.transport.send([message(1, 2)]);
    await world.pass(0);
    joiner.transport.send([message(2, 1, 5)]);
    await world.pass(0);
    expect(numbersOf(leader)).toEqual([5]);
  });

  it('a queue that is full drops and says so', async () => {
    const world = new World();
    const { a, b } = await pair(world);
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send(count(300).map((number) => message(1, 2, number)));
    await world.pass(0);
    expect(a.unreachable).toHaveLength(44);
    await world.pass(10);
    expect(numbersOf(b)).toEqual(count(256));
    expect(world.network.counts).toMatchObject({ overflowed: 44, delivered: 256 });
  });
});

describe('faults', () => {
  it('loss, duplication and delay have about the share that is asked for, in their direction', async () => {
    const world = new World();
    const { a, b } = await pair(world);
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

  it('reordering lets messages overtake; without it they never do, whatever they take', async () => {
    for (const reordering of [false, true]) {
      const world = new World();
      const { a, b } = await pair(world);
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

  it('the newest rule counts, field by field', async () => {
    const world = new World();
    const { a, b } = await pair(world);
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
  ])('%o cannot be', (faults, problem) => {
    const world = new World();
    expect(() => world.network.setFaults(faults)).toThrow(
      expect.objectContaining({
        code: 'TRANSPORT_INVALID',
        message: expect.stringContaining(problem),
      }),
    );
  });

  it('a cut is of one direction, takes what is on its way, and is reported', async () => {
    const world = new World();
    const { a, b } = await pair(world);
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send([message(1, 2, 1)]);
    world.network.cut('address-1', 'address-2');
    a.transport.send([message(1, 2, 2)]);
    b.transport.send([message(2, 1, 3)]);
    await world.pass(10);
    expect([numbersOf(a), numbersOf(b), a.unreachable]).toEqual([[3], [], [2n]]);
    expect(world.network.counts.cut).toBe(2);
    world.network.heal();
    a.transport.send([message(1, 2, 4)]);
    await world.pass(10);
    expect(numbersOf(b)).toEqual([4]);
  });

  it('groups reach themselves only; one that is isolated reaches nobody', async () => {
    const world = new World();
    const members = await world.members(4);
    const everybody = async (): Promise<string[]> => {
      for (const { received } of members) received.length = 0;
      for (const { transport } of members) {
        for (let to = 1; to <= 4; to += 1) {
          if (BigInt(to) !== transport.nodeId) {
            transport.send([message(Number(transport.nodeId), to)]);
          }
        }
      }
      await world.pass(0);
      return members.map(({ received }) => received.map(({ from }) => from).join(''));
    };
    world.network.partition(['address-1', 'address-2'], ['address-3']);
    expect(await everybody()).toEqual(['2', '1', '', '']);
    world.network.heal();
    world.network.isolate('address-1');
    expect(await everybody()).toEqual(['', '34', '24', '23']);
    world.network.heal();
    expect(await everybody()).toEqual(['234', '134', '124', '123']);
  });

  it('a run is the same with the same seed, and another with another', async () => {
    const trace = async (seed: number): Promise<string> => {
      const world = new World(seed);
      const { a, b } = await pair(world);
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

describe('any faults', () => {
  const share = fc.double({ min: 0, max: 0.5, noNaN: true });
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant('send' as const) },
      fc.constant('cut' as const),
      fc.constant('heal' as const),
      fc.constant('wait' as const),
    ),
    { maxLength: 60 },
  );

  it('deliver nothing that was not sent, keep the order, and after healing everything arrives', async () => {
    await fc.assert(
      fc.asyncProperty(steps, share, share, fc.nat(30), async (run, loss, duplication, delay) => {
        const world = new World();
        const { a, b } = await pair(world);
        world.network.setFaults({ loss, duplication, delayMs: [0, delay] });
        let sent = 0;
        for (const step of run) {
          if (step === 'send') a.transport.send([message(1, 2, (sent += 1))]);
          else if (step === 'cut') world.network.cut('address-1', 'address-2');
          else if (step === 'heal') world.network.heal();
          else await world.pass(7);
        }
        await world.pass(100);
        const numbers = numbersOf(b);
        expect(numbers.every((number) => number >= 1 && number <= sent)).toBe(true);
        // The second copies aside they come as they were sent.
        const first = [...new Set(numbers)];
        if (duplication === 0) expect(numbers).toEqual(first.toSorted((x, y) => x - y));
        const { delivered, lost, cut, duplicated } = world.network.counts;
        expect(delivered + lost + cut).toBe(sent + duplicated);
        world.network.heal({ faults: true });
        b.received.length = 0;
        a.transport.send(count(20).map((number) => message(1, 2, number)));
        await world.pass(0);
        expect(numbersOf(b)).toEqual(count(20));
      }),
      { numRuns: 100 },
    );
  });
});

describe('the end of a member', () => {
  it('twice is harmless; what was on its way to it is lost, also for its next life', async () => {
    const world = new World();
    const { a, b } = await pair(world);
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send([message(1, 2, 1)]);
    b.transport.send([message(2, 1, 2)]);
    const closing = b.transport.close();
    expect(b.transport.close()).toBe(closing);
    await closing;
    const again = await world.member(2);
    again.transport.setPeer(peer(1));
    await world.pass(10);
    // What it had sent still arrives.
    expect([numbersOf(a), numbersOf(b), numbersOf(again)]).toEqual([[2], [], []]);
    a.transport.send([message(1, 2, 3)]);
    await world.pass(10);
    expect(numbersOf(again)).toEqual([3]);
    b.transport.send([message(2, 1, 4)]);
    await world.pass(10);
    expect(numbersOf(a)).toEqual([2]);
  });

  it('an address is used once at a time, and a closed transport does not start', async () => {
    const clock = new SimulatedClock();
    const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
    const make = (id: bigint): MemoryTransport =>
      new MemoryTransport({ network, clock, clusterId: 1n, nodeId: id, address: 'one' });
    const handler = {
      receive: () => undefined,
      unreachable: () => undefined,
      receivedSnapshotBytes: async () => 0,
      receiveSnapshot: async () => undefined,
    };
    const first = make(1n);
    await first.start(handler);
    await expect(make(2n).start(handler)).rejects.toMatchObject({ code: 'TRANSPORT_INVALID' });
    await first.close();
    await expect(first.start(handler)).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    await make(2n).start(handler);
  });
});
