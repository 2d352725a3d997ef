/** Messages between members: they arrive unaltered and in order, or are reported. */
import { EntryType, MessageType, newMessage } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clock, messageOf, Net, until } from './support.ts';

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

describe.each([
  ['streams', true],
  ['requests', false],
])('messages over %s', (_, streams) => {
  it('arrive in order, in both directions', async () => {
    const [one, two] = await net.pair({ streams });
    for (let number = 0; number < 200; number += 1) {
      one.transport.send([messageOf(1n, 2n, `a${number}`)]);
      two.transport.send([messageOf(2n, 1n, `b${number}`)]);
      if (number % 20 === 0) await clock.sleep(1);
    }
    await until(() => two.received.length === 200 && one.received.length === 200);
    expect(two.texts).toEqual(Array.from({ length: 200 }, (_, number) => `a${number}`));
    expect(one.texts).toEqual(Array.from({ length: 200 }, (_, number) => `b${number}`));
  });

  it('carry entries of any size up to the largest', async () => {
    const [one, two] = await net.pair({ streams });
    const sizes = [0, 1, 100, 65_536, 1_000_000];
    const entries = sizes.map((size, at) => ({
      term: 3,
      index: at + 1,
      type: EntryType.Normal,
      data: Buffer.alloc(size, at + 1),
    }));
    const append = newMessage({ type: MessageType.App, from: 1n, to: 2n, term: 3, entries });
    one.transport.send([append, append]);
    await until(() => two.received.length === 2);
    const got = two.received[1]?.entries.map(({ data = new Uint8Array() }) =>
      Buffer.from(data).toString('hex'),
    );
    expect(got).toEqual(entries.map(({ data }) => data.toString('hex')));
  });

  it('to a member that is away are reported, and pass when it is back', async () => {
    const [one, two] = await net.pair({ streams });
    const port = two.transport.listeningPort;
    two.proxy.setTarget(undefined);
    one.transport.send([messageOf(1n, 2n, 'lost')]);
    await until(() => one.unreachable.includes(2n));
    two.proxy.setTarget(port);
    const again = async (): Promise<void> => {
      one.transport.send([messageOf(1n, 2n, 'again')]);
      await clock.sleep(20);
    };
    while (two.received.length === 0) await again();
    expect(two.texts[0]).toBe('again');
  });

  it('are dropped from a full queue, and that is reported', async () => {
    const [one, two] = await net.pair({ streams });
    two.proxy.cut();
    for (let number = 0; number < 1000; number += 1) {
      one.transport.send([messageOf(1n, 2n, `${number}`)]);
    }
    await until(() => one.unreachable.length > 0);
    expect(one.transport.stats()[0]?.queuedMessages).toBeLessThanOrEqual(256);
    expect(one.transport.stats()[0]?.droppedMessages).toBeGreaterThan(700);
  });

  it.runIf(streams)(
    'go on soon where a power cut took the other side, and it is back',
    async () => {
      const [one, two] = await net.pair({ stallTimeoutMs: 3000 });
      const three = await net.add(3n, { stallTimeoutMs: 3000 });
      three.transport.setPeer({ id: 2n, address: two.address });
      two.transport.setPeer({ id: 3n, address: three.address });
      for (const from of [one, three]) from.transport.send([messageOf(from.id, 2n, 'before')]);
      await until(() => two.received.length === 2);
      await until(() => two.transport.counts().connectedPeers === 2);
      two.proxy.strand();
      // Only the first member is told of the return.
      one.proxy.breakAll();
      while (!two.texts.includes('after')) {
        for (const from of [one, three]) from.transport.send([messageOf(from.id, 2n, 'after')]);
        await clock.sleep(20);
      }
      expect(three.unreachable).toEqual([]);
      expect(two.received.at(-1)?.from).toBe(1n);
    },
  );

  it('go on after a cut that nobody told of', async () => {
    const [one, two] = await net.pair({ streams });
    one.transport.send([messageOf(1n, 2n, 'before')]);
    await until(() => two.received.length === 1);
    two.proxy.cut();
    one.transport.send([messageOf(1n, 2n, 'during')]);
    // Nothing moves on the connection, so it is closed.
    await until(() => one.unreachable.includes(2n));
    two.proxy.breakAll();
    two.proxy.heal();
    while (!two.texts.includes('after')) {
      one.transport.send([messageOf(1n, 2n, 'after')]);
      await clock.sleep(20);
    }
  });
});
