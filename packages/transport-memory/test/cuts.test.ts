/** Cut directions, partitions and isolated addresses. */
import { describe, expect, it } from 'vitest';
import { message, numbersOf, pair, peer, World, type Member } from './support.ts';

describe('cuts', () => {
  it('a cut has one direction, drops the messages under way, and is reported', async () => {
    const { world, a, b } = await pair();
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

  it('members of a group reach each other only; an isolated one reaches no other', async () => {
    const world = new World();
    const members = await world.members(4);
    world.network.partition(['address-1', 'address-2'], ['address-3']);
    expect(await sendersHeardBy(world, members)).toEqual(['2', '1', '', '']);
    world.network.heal();
    world.network.isolate('address-1');
    expect(await sendersHeardBy(world, members)).toEqual(['', '34', '24', '23']);
    world.network.heal();
    expect(await sendersHeardBy(world, members)).toEqual(['234', '134', '124', '123']);
  });

  it.each([
    ['isolated', (world: World) => world.network.isolate('address-1')],
    ['in another group', (world: World) => world.network.partition(['address-1'], ['address-2'])],
    ['in no group', (world: World) => world.network.partition(['address-1'])],
  ])('hold for members that start later: %s', async (_, divide) => {
    const world = new World();
    const early = await world.member(1);
    divide(world);
    const late = await world.member(2);
    early.transport.setPeer(peer(2));
    late.transport.setPeer(peer(1));
    early.transport.send([message(1, 2)]);
    late.transport.send([message(2, 1)]);
    await world.pass(1);
    expect([early.received, late.received]).toEqual([[], []]);
    expect([early.unreachable, late.unreachable]).toEqual([[2n], [1n]]);
  });

  it('can be healed without or with the faults', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ loss: 1 });
    world.network.cut('address-1', 'address-2');
    for (const healing of [{}, { faults: false }, { faults: true }]) {
      world.network.heal(healing);
      a.transport.send([message(1, 2)]);
      await world.pass(1);
    }
    expect(b.received).toHaveLength(1);
    expect(world.network.counts).toMatchObject({ cut: 0, lost: 2, delivered: 1 });
  });

  it('a later partition replaces the one before, and no cuts; a member in two groups reaches both', async () => {
    const world = new World();
    const members = await world.members(3);
    world.network.cut('address-1', 'address-2');
    world.network.partition(['address-1'], ['address-2'], ['address-3']);
    world.network.partition(['address-1', 'address-2'], ['address-2', 'address-3']);
    expect(await sendersHeardBy(world, members)).toEqual(['2', '3', '2']);
  });

  it('a member reaches itself, also when it is isolated', async () => {
    const world = new World();
    const alone = await world.member(1);
    world.network.isolate('address-1');
    world.network.partition(['address-2']);
    alone.transport.setPeer(peer(1));
    alone.transport.send([message(1, 1, 3)]);
    await world.pass(1);
    expect(numbersOf(alone)).toEqual([3]);
  });
});

/** Each member sends to all others; returns the senders that each has heard. */
async function sendersHeardBy(world: World, members: readonly Member[]): Promise<string[]> {
  for (const { received } of members) received.length = 0;
  for (const { transport } of members) {
    for (let to = 1; to <= members.length; to += 1) {
      if (BigInt(to) !== transport.nodeId) {
        transport.send([message(Number(transport.nodeId), to)]);
      }
    }
  }
  await world.pass(0);
  return members.map(({ received }) => received.map(({ from }) => from).join(''));
}
