/**
 * Bounds of the network in memory, and the state after a member has closed, was removed or was
 * refused.
 */
import { describe, expect, it } from 'vitest';
import { MemoryTransport, type LinkFaults } from '../src/index.ts';
import { count, message, never, numbersOf, pair, peer, silentHandler, World } from './support.ts';

const mebibyte = 1024 * 1024;

describe('messages that keep their order', () => {
  it('never arrive before their own time, whatever later ones take', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [50, 50] });
    a.transport.send([message(1, 2, 1)]);
    world.network.setFaults({ delayMs: [0, 0] });
    a.transport.send([message(1, 2, 2)]);
    await world.pass(49);
    expect(numbersOf(b)).toEqual([]);
    await world.pass(1);
    expect(numbersOf(b)).toEqual([1, 2]);
  });

  it.each([255, 256, 257])('are at most 256 under way at a time: %i', async (sent) => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send(count(sent).map((number) => message(1, 2, number)));
    await world.pass(5);
    expect(numbersOf(b)).toEqual(count(Math.min(sent, 256)));
    expect(world.network.counts.overflowed).toBe(Math.max(0, sent - 256));
  });
});

describe('the end of a member', () => {
  it('leaves room for as many messages to its next incarnation', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send(count(256).map((number) => message(1, 2, number)));
    await b.transport.close();
    const again = await world.member(2);
    a.transport.send(count(256).map((number) => message(1, 2, number)));
    await world.pass(10);
    expect(numbersOf(again)).toEqual(count(256));
    expect(world.network.counts).toMatchObject({ overflowed: 0, unreachable: 256 });
  });

  it.each([true, false])(
    'is reported once for each message (reordering: %s)',
    async (reordering) => {
      const { world, a, b } = await pair();
      world.network.setFaults({ delayMs: [5, 5], reordering });
      a.transport.send([message(1, 2), message(1, 2)]);
      await b.transport.close();
      const again = await world.member(2);
      a.transport.send([message(1, 2)]);
      await again.transport.close();
      await world.pass(10);
      expect(a.unreachable).toEqual([2n, 2n, 2n]);
      expect(world.network.counts).toMatchObject({ sent: 3, unreachable: 3 });
    },
  );

  it('does not end a member whose address has the same beginning', async () => {
    const world = new World();
    const [one, ten, sender] = [
      await world.member(1),
      await world.member(10),
      await world.member(2),
    ];
    sender.transport.setPeer(peer(10));
    world.network.setFaults({ delayMs: [5, 5] });
    sender.transport.send([message(2, 10, 7)]);
    await one.transport.close();
    await world.pass(5);
    expect(numbersOf(ten)).toEqual([7]);
  });
});

describe('faults', () => {
  it('do not change with the object that they were given in', async () => {
    const { world, a, b } = await pair();
    const rule = { loss: 1 };
    world.network.setFaults(rule);
    rule.loss = 0;
    a.transport.send([message(1, 2)]);
    await world.pass(1);
    expect([b.received.length, world.network.counts.lost]).toEqual([0, 1]);
  });

  const wrong: Partial<LinkFaults>[] = [
    { loss: Number.NaN },
    { loss: -Number.MIN_VALUE },
    { duplication: 1.000_001 },
    { delayMs: [Number.NaN, 5] },
    { delayMs: [0, Number.NaN] },
    { delayMs: [0, Infinity] },
    { delayMs: [-1, 5] },
  ];
  it.each(wrong)('with invalid shares or times are refused: %o', async (faults) => {
    const { world, a, b } = await pair();
    expect(() => world.network.setFaults(faults)).toThrow(
      expect.objectContaining({ code: 'TRANSPORT_INVALID' }),
    );
    a.transport.send([message(1, 2)]);
    await world.pass(0);
    expect(b.received).toHaveLength(1);
  });

  it.each([{ loss: 0 }, { loss: 1 }, { delayMs: [0, 0] as const }, { delayMs: [5, 5] as const }])(
    'at their bounds are taken: %o',
    (faults) => {
      expect(() => new World().network.setFaults(faults)).not.toThrow();
    },
  );
});

describe('a member that was removed', () => {
  it('is not sent to at the address where it was heard from', async () => {
    const world = new World();
    const [one, two] = [await world.member(1), await world.member(2)];
    two.transport.setPeer(peer(1));
    two.transport.send([message(2, 1)]);
    await world.pass(0);
    one.transport.removePeer(2n);
    one.transport.send([message(1, 2)]);
    await world.pass(1);
    expect([two.received, one.unreachable]).toEqual([[], [2n]]);
  });
});

describe('a start that fails because the address is taken', () => {
  it('leaves a transport that sends nothing, and starts when the address is free', async () => {
    const { world, a, b } = await pair();
    const { network, clock } = world;
    const parts = { network, clock, clusterId: 1n, nodeId: 3n, address: 'address-1' };
    const late = new MemoryTransport(parts);
    late.setPeer(peer(2));
    await expect(late.start(silentHandler)).rejects.toMatchObject({ code: 'TRANSPORT_INVALID' });
    late.send([message(3, 2)]);
    await world.pass(1);
    expect([network.counts.sent, b.received]).toEqual([0, []]);
    await a.transport.close();
    await late.start(silentHandler);
    late.send([message(3, 2)]);
    await world.pass(1);
    expect(b.received).toHaveLength(1);
  });
});

describe('a member that is refused', () => {
  it('asks again after a second, and never again once it is admitted', async () => {
    const world = new World();
    const asked: number[] = [];
    let isAdmitted = false;
    const two = await world.member(2, {
      handler: {
        admit: () => {
          asked.push(world.clock.monotonicMs());
          return isAdmitted ? undefined : ('other-cluster' as const);
        },
      },
    });
    const one = await world.member(1);
    one.transport.setPeer(peer(2));
    const send = async (): Promise<void> => {
      one.transport.send([message(1, 2)]);
      await world.pass(0);
    };
    await send();
    isAdmitted = true;
    await world.pass(999);
    await send();
    expect([asked, two.received]).toEqual([[0], []]);
    await world.pass(1);
    await send();
    await world.pass(5000);
    await send();
    expect([asked, two.received.length]).toEqual([[0, 1000], 2]);
  });

  it('sends no snapshot either', async () => {
    const world = new World();
    let taken = 0;
    await world.member(2, {
      handler: {
        admit: () => 'other-cluster' as const,
        receivedSnapshotBytes: async () => (taken += 1),
      },
    });
    const one = await world.member(1);
    one.transport.setPeer(peer(2));
    const open = async function* (): AsyncGenerator<Uint8Array, void, void> {
      yield new Uint8Array(1);
    };
    const sending = world.until(one.transport.sendSnapshot(message(1, 2), open, never));
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
    expect(taken).toBe(0);
  });
});

it.each([
  [3 * mebibyte - 1, [3 * mebibyte - 1]],
  [3 * mebibyte, [3 * mebibyte]],
  [3 * mebibyte + 1, [3 * mebibyte, 1]],
  [6 * mebibyte, [3 * mebibyte, 3 * mebibyte]],
  [0, []],
])('a chunk of %i bytes of a snapshot arrives in chunks of %o', async (bytes, expected) => {
  const { world, a } = await pair();
  const lengths: number[] = [];
  await world.member(5, {
    handler: {
      receiveSnapshot: async (_, stream) => {
        for await (const chunk of stream) lengths.push(chunk.length);
      },
    },
  });
  a.transport.setPeer(peer(5));
  const open = async function* (): AsyncGenerator<Uint8Array, void, void> {
    yield new Uint8Array(bytes);
  };
  await world.until(a.transport.sendSnapshot(message(1, 5), open, never));
  expect(lengths).toEqual(expected);
});
