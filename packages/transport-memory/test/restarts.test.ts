/** A member closes, and perhaps starts again. */
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { MemoryNetwork, MemoryTransport } from '../src/index.ts';
import { message, never, numbersOf, pair, peer, silentHandler, source } from './support.ts';

describe('the end of a member', () => {
  it('can be requested twice; messages under way to it are lost, also for its next incarnation', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send([message(1, 2, 1)]);
    b.transport.send([message(2, 1, 2)]);
    const closing = b.transport.close();
    expect(b.transport.close()).toBe(closing);
    await closing;
    const again = await world.member(2);
    again.transport.setPeer(peer(1));
    await world.pass(10);
    // The messages that it had sent still arrive.
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
    const first = make(1n);
    await first.start(silentHandler);
    await expect(first.start(silentHandler)).rejects.toMatchObject({ code: 'TRANSPORT_INVALID' });
    const second = make(2n);
    await expect(second.start(silentHandler)).rejects.toMatchObject({ code: 'TRANSPORT_INVALID' });
    // Closing it leaves the address to the member that has it.
    await second.close();
    await expect(make(3n).start(silentHandler)).rejects.toMatchObject({
      code: 'TRANSPORT_INVALID',
    });
    await first.close();
    await expect(first.start(silentHandler)).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    await make(2n).start(silentHandler);
  });

  it('leaves no timer on the clock, whatever was under way', async () => {
    const { world, a, b } = await pair();
    for (const reordering of [false, true]) {
      world.network.setFaults({ delayMs: [1000, 1000], reordering });
      a.transport.send([message(1, 2), message(1, 7)]);
      b.transport.send([message(2, 1)]);
    }
    const sending = a.transport.sendSnapshot(message(1, 2), source().open, never);
    sending.catch(() => undefined);
    await b.transport.close();
    await a.transport.close();
    expect(world.clock.pendingCount).toBe(0);
    expect(world.network.counts).toMatchObject({ sent: 6, unreachable: 6 });
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
  });

  it('is reported to the senders of messages under way to it, a turn later', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send([message(1, 2, 1), message(1, 2, 2)]);
    await b.transport.close();
    expect(a.unreachable).toEqual([]);
    await world.pass(1);
    expect(a.unreachable).toEqual([2n, 2n]);
  });

  it('may happen while messages are delivered to it: nothing more reaches it', async () => {
    const { world, a } = await pair();
    let taken = 0;
    const ending = await world.member(5, {
      handler: {
        receive: () => {
          taken += 1;
          void ending.transport.close();
        },
      },
    });
    a.transport.setPeer(peer(5));
    a.transport.send([message(1, 5), message(1, 5), message(1, 5)]);
    await world.pass(5);
    expect([taken, a.unreachable]).toEqual([1, [5n, 5n]]);
  });

  it('is the same promise when a listener of the end calls close', async () => {
    const { world, a } = await pair();
    const closings: Promise<void>[] = [];
    const ending = await world.member(5, {
      handler: {
        receiveSnapshot: (_, __, signal) => {
          signal.addEventListener('abort', () => closings.push(ending.transport.close()));
          return new Promise(() => undefined);
        },
      },
    });
    a.transport.setPeer(peer(5));
    a.transport.sendSnapshot(message(1, 5), source().open, never).catch(() => undefined);
    await world.pass(5);
    const closing = ending.transport.close();
    expect(closings).toHaveLength(1);
    expect(closings[0]).toBe(closing);
  });

  it('has a beginning: nothing is sent before', async () => {
    const { world, b } = await pair();
    const { network, clock } = world;
    const early = new MemoryTransport({
      network,
      clock,
      clusterId: 1n,
      nodeId: 3n,
      address: 'early',
    });
    early.setPeer(peer(2));
    early.send([message(3, 2)]);
    const { open } = source();
    await expect(early.sendSnapshot(message(3, 2), open, never)).rejects.toMatchObject({
      code: 'TRANSPORT_UNREACHABLE',
    });
    await world.pass(1);
    expect([b.received, network.counts.sent]).toEqual([[], 0]);
    await early.close();
  });
});
