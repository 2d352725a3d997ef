/**
 * How the sending of a snapshot ends when it does not arrive: on both sides, and with nothing left
 * open.
 */
import { describe, expect, it } from 'vitest';
import { count, message, never, pair, peer, source } from './support.ts';

describe('a snapshot that is being sent', () => {
  it.each(['the sender gives up', 'the sender ends', 'the receiver ends'] as const)(
    'ends on both sides when %s',
    async (how) => {
      const { world, a, b } = await pair();
      world.network.setFaults({ delayMs: [10, 10] });
      const { seen, open } = source();
      const giveUp = new AbortController();
      const sending = a.transport.sendSnapshot(message(1, 2), open, giveUp.signal);
      sending.catch(() => undefined);
      await world.pass(55);
      if (how === 'the sender gives up') giveUp.abort(new Error('enough'));
      else await (how === 'the sender ends' ? a : b).transport.close();
      const expected = {
        'the sender gives up': { message: 'enough' },
        'the sender ends': { code: 'TRANSPORT_CLOSED' },
        'the receiver ends': { code: 'TRANSPORT_BROKEN' },
      };
      await expect(world.until(sending)).rejects.toMatchObject(expected[how]);
      await world.pass(50);
      expect(b.snapshotFailure).toMatchObject({ code: 'TRANSPORT_BROKEN' });
      expect(b.snapshot.length).toBe(30);
      expect(seen.returned).toBe(1);
      expect(b.received).toEqual([]);
    },
  );

  it.each(['the receiver removes the sender', 'the sender removes the receiver'] as const)(
    'breaks when %s',
    async (how) => {
      const { world, a, b } = await pair();
      world.network.setFaults({ delayMs: [10, 10] });
      const { seen, open } = source();
      const sending = a.transport.sendSnapshot(message(1, 2), open, never);
      sending.catch(() => undefined);
      await world.pass(55);
      if (how === 'the receiver removes the sender') b.transport.removePeer(1n);
      else a.transport.removePeer(2n);
      await expect(world.until(sending)).rejects.toMatchObject({ code: 'TRANSPORT_BROKEN' });
      expect(b.snapshotFailure).toMatchObject({ code: 'TRANSPORT_BROKEN' });
      expect([b.snapshot.length, seen.returned]).toEqual([30, 1]);
    },
  );

  it('closes its source where the receiver stops in the middle, whether it is satisfied or not', async () => {
    for (const outcome of ['satisfied', 'refused'] as const) {
      const { world, a } = await pair();
      const { seen, open } = source();
      const receiveSnapshot = async (
        _: unknown,
        stream: AsyncIterable<Uint8Array>,
      ): Promise<void> => {
        await stream[Symbol.asyncIterator]().next();
        if (outcome === 'refused') throw new Error('enough');
      };
      await world.member(5, { handler: { receiveSnapshot } });
      a.transport.setPeer(peer(5));
      const sending = world.until(a.transport.sendSnapshot(message(1, 5), open, never));
      if (outcome === 'satisfied') await sending;
      else await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
      expect(seen.returned).toBe(1);
    }
  });

  it('ends on both sides although its source hangs', async () => {
    const { world, a, b } = await pair();
    const giveUp = new AbortController();
    const open = async function* (): AsyncGenerator<Uint8Array, void, void> {
      yield new Uint8Array(1);
      await new Promise(() => undefined);
    };
    const sending = a.transport.sendSnapshot(message(1, 2), open, giveUp.signal);
    sending.catch(() => undefined);
    await world.pass(5);
    giveUp.abort(new Error('enough'));
    await expect(world.until(sending)).rejects.toThrow('enough');
    expect(b.snapshotFailure).toMatchObject({ code: 'TRANSPORT_BROKEN' });
  });

  it.each(['sender', 'receiver'] as const)(
    'ends with the %s although no answer ever comes, and the receiver is told by its signal',
    async (who) => {
      const { world, a } = await pair();
      const signals: AbortSignal[] = [];
      const silent = await world.member(5, {
        handler: {
          receiveSnapshot: (_, __, signal) => {
            signals.push(signal);
            return new Promise(() => undefined);
          },
        },
      });
      a.transport.setPeer(peer(5));
      const sending = a.transport.sendSnapshot(message(1, 5), source().open, never);
      sending.catch(() => undefined);
      await world.pass(5);
      await (who === 'sender' ? a : silent).transport.close();
      const code = who === 'sender' ? 'TRANSPORT_CLOSED' : 'TRANSPORT_BROKEN';
      await expect(world.until(sending)).rejects.toMatchObject({ code });
      expect(signals[0]?.reason).toMatchObject({ code: 'TRANSPORT_BROKEN' });
    },
  );

  it.each([
    ['address-1', 'address-2'],
    ['address-2', 'address-1'],
  ] as const)('breaks with its next chunk when the way from %s to %s is cut', async (from, to) => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [10, 10] });
    const { seen, open } = source();
    const sending = a.transport.sendSnapshot(message(1, 2), open, never);
    sending.catch(() => undefined);
    await world.pass(55);
    world.network.cut(from, to);
    await world.pass(10);
    expect(b.snapshotFailure).toMatchObject({ code: 'TRANSPORT_BROKEN' });
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect([b.snapshot.length, seen.returned]).toEqual([30, 1]);
  });

  it('has not ended before its source is closed', async () => {
    const { world, a } = await pair();
    let isClosed = false;
    const open = async function* (): AsyncGenerator<Uint8Array, void, void> {
      try {
        yield new Uint8Array(1);
        yield new Uint8Array(1);
      } finally {
        await world.clock.sleep(20);
        isClosed = true;
      }
    };
    const giveUp = new AbortController();
    const receiveSnapshot = async (
      _: unknown,
      stream: AsyncIterable<Uint8Array>,
    ): Promise<void> => {
      await stream[Symbol.asyncIterator]().next();
      giveUp.abort(new Error('enough'));
    };
    await world.member(5, { handler: { receiveSnapshot } });
    a.transport.setPeer(peer(5));
    const sending = a.transport.sendSnapshot(message(1, 5), open, giveUp.signal);
    const wasClosed = sending.catch(() => isClosed);
    expect(await world.until(wasClosed)).toBe(true);
  });

  it.each(['takes', 'refuses'] as const)(
    'is broken where the receiver %s it, but the answer does not get through',
    async (how) => {
      const { world, a } = await pair();
      await world.member(5, {
        handler: {
          receiveSnapshot: async (_, stream) => {
            for await (const chunk of stream) void chunk;
            world.network.cut('address-5', 'address-1');
            if (how === 'refuses') throw new Error('no space');
          },
        },
      });
      a.transport.setPeer(peer(5));
      const sending = world.until(a.transport.sendSnapshot(message(1, 5), source().open, never));
      await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_BROKEN' });
    },
  );

  it('is refused with the reason when the receiver cannot say how much it has', async () => {
    const { world, a } = await pair();
    const failure = new Error('damaged');
    await world.member(5, { handler: { receivedSnapshotBytes: () => Promise.reject(failure) } });
    a.transport.setPeer(peer(5));
    const sending = world.until(a.transport.sendSnapshot(message(1, 5), source().open, never));
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED', cause: failure });
  });

  it('does not begin when it was given up before, or the member has ended', async () => {
    const { world, a, b } = await pair();
    const { seen, open } = source();
    const given = AbortSignal.abort(new Error('too late'));
    await expect(a.transport.sendSnapshot(message(1, 2), open, given)).rejects.toThrow('too late');
    await a.transport.close();
    await expect(a.transport.sendSnapshot(message(1, 2), open, never)).rejects.toMatchObject({
      code: 'TRANSPORT_CLOSED',
    });
    await world.pass(5);
    expect([seen.offsets, b.received]).toEqual([[], []]);
  });

  it('that was taken is not taken back by a receiver that reads on', async () => {
    const { world, a } = await pair();
    const signals: AbortSignal[] = [];
    const late: unknown[] = [];
    const receiveSnapshot = async (
      _: unknown,
      stream: AsyncIterable<Uint8Array>,
      signal: AbortSignal,
    ): Promise<void> => {
      signals.push(signal);
      const chunks = stream[Symbol.asyncIterator]();
      await chunks.next();
      void world.clock
        .sleep(50)
        .then(() => chunks.next())
        .catch((error: unknown) => late.push(error));
    };
    await world.member(5, { handler: { receiveSnapshot } });
    a.transport.setPeer(peer(5));
    await world.until(a.transport.sendSnapshot(message(1, 5), source().open, never));
    await world.pass(100);
    expect(late).toMatchObject([{ code: 'TRANSPORT_BROKEN' }]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });

  it.each(['was given up', 'was refused'] as const)(
    'opens nothing any more when it %s before the first read',
    async (how) => {
      const { world, a } = await pair();
      const { seen, open } = source();
      const giveUp = new AbortController();
      const late: unknown[] = [];
      const receiveSnapshot = async (
        _: unknown,
        stream: AsyncIterable<Uint8Array>,
      ): Promise<void> => {
        const reading = (async () => {
          if (how === 'was given up') giveUp.abort(new Error('enough'));
          else await world.clock.sleep(50);
          for await (const chunk of stream) late.push(chunk);
        })().catch((error: unknown) => late.push(error));
        if (how === 'was refused') throw new Error('no space');
        await reading;
      };
      await world.member(5, { handler: { receiveSnapshot } });
      a.transport.setPeer(peer(5));
      const sending = a.transport.sendSnapshot(message(1, 5), open, giveUp.signal);
      await expect(world.until(sending)).rejects.toThrow();
      await world.pass(100);
      expect(seen.offsets).toEqual([]);
      expect(late).toMatchObject([{ code: 'TRANSPORT_BROKEN' }]);
    },
  );

  it('may be one of many to the same member, which ends them all', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [10, 10] });
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const sources = count(20).map(source);
    const sendings = sources.map(({ open }) =>
      a.transport.sendSnapshot(message(1, 2), open, never).catch((error: unknown) => error),
    );
    await world.pass(35);
    await b.transport.close();
    for (const outcome of await world.until(Promise.all(sendings))) {
      expect(outcome).toMatchObject({ code: 'TRANSPORT_BROKEN' });
    }
    expect(sources.map(({ seen }) => seen.returned)).toEqual(sources.map(() => 1));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});
