/** Which messages arrive, where, and who is told when they do not. */
import { describe, expect, it } from 'vitest';
import { count, message, numbersOf, pair, peer, World } from './support.ts';

describe('messages', () => {
  it('arrive in order, never within the call, as objects of the receiver', async () => {
    const { world, a, b } = await pair();
    const sent = { ...message(1, 2, 7), context: Uint8Array.of(1, 2, 3) };
    a.transport.send([sent, message(1, 2, 8)]);
    expect(b.received).toEqual([]);
    sent.context[0] = 9;
    await world.pass(0);
    expect(numbersOf(b)).toEqual([7, 8]);
    expect(b.received[0]?.context).toEqual(Uint8Array.of(1, 2, 3));
    expect(world.network.counts).toMatchObject({ sent: 2, delivered: 2 });
  });

  it('to a member without an address, or at which no member listens, are reported later', async () => {
    const { world, a } = await pair();
    a.transport.setPeer(peer(5));
    a.transport.send([message(1, 4), message(1, 5)]);
    expect(a.unreachable).toEqual([]);
    await world.pass(0);
    expect(a.unreachable).toEqual([4n, 5n]);
    expect(world.network.counts).toMatchObject({ sent: 2, unreachable: 2, delivered: 0 });
  });

  it('go to the address that is known last', async () => {
    const { world, a, b } = await pair();
    const moved = await world.member(2, { address: 'elsewhere' });
    a.transport.setPeer({ id: 2n, address: 'elsewhere' });
    a.transport.send([message(1, 2, 1)]);
    await world.pass(0);
    expect([numbersOf(b), numbersOf(moved)]).toEqual([[], [1]]);
  });

  it('with a wrong sender, for another member, and of removed members are refused, and reported', async () => {
    const { world, a, b } = await pair();
    a.transport.send([message(7, 2)]);
    a.transport.setPeer({ id: 9n, address: 'address-2' });
    a.transport.send([message(1, 9)]);
    await world.pass(1);
    expect(a.unreachable).toEqual([2n, 9n]);
    b.transport.removePeer(1n);
    a.transport.send([message(1, 2)]);
    await world.pass(1);
    expect(b.received).toEqual([]);
    expect(a.unreachable).toEqual([2n, 9n, 2n]);
    expect(world.network.counts).toMatchObject({ sent: 3, refused: 3, delivered: 0 });
    b.transport.setPeer(peer(1));
    a.transport.send([message(1, 2)]);
    await world.pass(0);
    expect(b.received).toHaveLength(1);
  });

  it('are not sent to a member that was removed', async () => {
    const { world, a, b } = await pair();
    a.transport.removePeer(2n);
    a.transport.send([message(1, 2)]);
    await world.pass(1);
    expect([b.received, a.unreachable]).toEqual([[], [2n]]);
  });

  it.each([{ clusterId: 2n }, { groupId: 2n }])(
    'of others (%o) do not exist, also at the same address',
    async (others) => {
      const { world, a, b } = await pair();
      const stranger = await world.member(3, others);
      const namesake = await world.member(2, others);
      stranger.transport.setPeer(peer(1));
      stranger.transport.setPeer(peer(2));
      stranger.transport.send([message(3, 1, 1), message(3, 2, 2)]);
      a.transport.send([message(1, 2, 3)]);
      await world.pass(1);
      expect([a, b, namesake].map(numbersOf)).toEqual([[], [3], [2]]);
      expect(stranger.unreachable).toEqual([1n]);
      // Closing one does not close the other.
      a.transport.send([message(1, 2, 4)]);
      await namesake.transport.close();
      await world.pass(1);
      expect(numbersOf(b)).toEqual([3, 4]);
    },
  );

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

  it('follow a member that is not known yet to where it was heard from last', async () => {
    const world = new World();
    const joiner = await world.member(1);
    for (const address of ['here', 'there']) {
      const other = await world.member(2, { address });
      other.transport.setPeer(peer(1));
      other.transport.send([message(2, 1)]);
      await world.pass(0);
      joiner.transport.send([message(1, 2, 5)]);
      await world.pass(0);
      expect(numbersOf(other)).toEqual([5]);
      await other.transport.close();
    }
    // The address in the membership counts.
    const third = await world.member(2, { address: 'elsewhere' });
    joiner.transport.setPeer({ id: 2n, address: 'elsewhere' });
    joiner.transport.send([message(1, 2, 6)]);
    await world.pass(0);
    expect(numbersOf(third)).toEqual([6]);
    third.received.length = 0;
    joiner.transport.setPeer({ id: 2n, address: 'told' });
    third.transport.setPeer(peer(1));
    third.transport.send([message(2, 1)]);
    await world.pass(0);
    joiner.transport.send([message(1, 2)]);
    await world.pass(1);
    expect([third.received, joiner.unreachable]).toEqual([[], [2n]]);
  });

  it('a queue that is full drops and says so', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [5, 5] });
    a.transport.send(count(300).map((number) => message(1, 2, number)));
    await world.pass(0);
    expect(a.unreachable).toHaveLength(44);
    await world.pass(10);
    expect(numbersOf(b)).toEqual(count(256));
    expect(world.network.counts).toMatchObject({ overflowed: 44, delivered: 256 });
  });
});
