/** Sending snapshots: complete, broken, resumed, refused. */
import type { Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { message, never, pair, peer, source, state } from './support.ts';

describe('a snapshot', () => {
  it('arrives with its message, as copies', async () => {
    const { world, a, b } = await pair();
    const { seen, open } = source();
    await world.until(a.transport.sendSnapshot(message(1, 2, 3), open, never));
    expect([...b.snapshot]).toEqual([...state]);
    expect(b.received.map(({ commit }) => commit)).toEqual([3]);
    expect(seen).toMatchObject({ offsets: [0], returned: 1 });
  });

  it('that is cut in the middle fails on both sides, and goes on where it ended', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ delayMs: [10, 10] });
    const first = source();
    const sending = a.transport.sendSnapshot(message(1, 2), first.open, never);
    sending.catch(() => undefined);
    await world.pass(65);
    world.network.cut('address-2', 'address-1');
    await expect(world.until(sending)).rejects.toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect(b.snapshotFailure).toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect(b.snapshot.length).toBe(40);
    expect(first.seen.returned).toBe(1);
    world.network.heal();
    const second = source();
    await world.until(a.transport.sendSnapshot(message(1, 2), second.open, never));
    expect(second.seen.offsets).toEqual([40]);
    expect([...b.snapshot]).toEqual([...state]);
  });

  it('breaks by loss', async () => {
    const { world, a, b } = await pair();
    world.network.setFaults({ loss: 1 });
    const sending = a.transport.sendSnapshot(message(1, 2), source().open, never);
    await expect(world.until(sending)).rejects.toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect(b.received).toEqual([]);
  });

  it('is not sent when the link is cut, or no member takes it', async () => {
    const { world, a, b } = await pair();
    const { seen, open } = source();
    const code = async (to: number): Promise<unknown> =>
      world.until(a.transport.sendSnapshot(message(1, to), open, never)).then(
        () => 'sent',
        (error: { code: string }) => error.code,
      );
    expect(await code(9)).toBe('TRANSPORT_UNREACHABLE');
    world.network.cut('address-1', 'address-2');
    expect(await code(2)).toBe('TRANSPORT_UNREACHABLE');
    world.network.heal();
    b.transport.removePeer(1n);
    expect(await code(2)).toBe('TRANSPORT_REFUSED');
    await b.transport.close();
    expect(await code(2)).toBe('TRANSPORT_UNREACHABLE');
    expect(seen.offsets).toEqual([]);
  });

  it('that the receiver does not take is refused with its reason', async () => {
    const { world, a, b } = await pair();
    b.refusesSnapshots = new RangeError('no space');
    const { seen, open } = source();
    const sending = a.transport.sendSnapshot(message(1, 2), open, never);
    await expect(world.until(sending)).rejects.toMatchObject({
      code: 'TRANSPORT_REFUSED',
      message: expect.stringContaining('no space'),
      cause: b.refusesSnapshots,
    });
    expect(seen.offsets).toEqual([]);
  });

  it('whose source fails, fails with that, and breaks at the receiver', async () => {
    const { world, a, b } = await pair();
    const failure = new Error('damaged');
    // oxlint-disable-next-line require-yield
    const open = async function* (): AsyncGenerator<Uint8Array, void, void> {
      throw failure;
    };
    const sending = a.transport.sendSnapshot(message(1, 2), open, never);
    await expect(world.until(sending)).rejects.toBe(failure);
    expect(b.snapshotFailure).toMatchObject({ code: 'TRANSPORT_BROKEN', cause: failure });
  });

  it('has delays for its requests and answers, and does nothing within the call', async () => {
    const asked: number[] = [];
    const { world, a } = await pair();
    world.network.setFaults({ delayMs: [10, 10] });
    const note = (): void => void asked.push(world.clock.monotonicMs());
    await world.member(5, {
      handler: {
        receivedSnapshotBytes: async () => {
          note();
          return 0;
        },
        receiveSnapshot: async () => note(),
      },
    });
    a.transport.setPeer(peer(5));
    const sending = a.transport.sendSnapshot(message(1, 5), source().open, never);
    expect(asked).toEqual([]);
    await world.until(sending);
    expect([...asked, world.clock.monotonicMs()]).toEqual([10, 20, 30]);
  });

  it('takes the delay for each chunk, and for its end', async () => {
    const { world, a } = await pair();
    world.network.setFaults({ delayMs: [10, 10] });
    await world.until(a.transport.sendSnapshot(message(1, 2), source().open, never));
    // Request, answer, ten chunks, the end, the answer.
    expect(world.clock.monotonicMs()).toBe(140);
  });

  it('is copied, also where its chunks are buffers, and its large chunks are divided', async () => {
    const { world, a } = await pair();
    const chunk = Buffer.alloc(7 * 1024 * 1024, 1);
    const chunks: Uint8Array[] = [];
    const receiveSnapshot = async (
      _: unknown,
      stream: AsyncIterable<Uint8Array>,
    ): Promise<void> => {
      for await (const bytes of stream) chunks.push(bytes.fill(9));
    };
    await world.member(5, { handler: { receiveSnapshot } });
    a.transport.setPeer(peer(5));
    const open = async function* (): AsyncGenerator<Uint8Array, void, void> {
      yield chunk;
    };
    await world.until(a.transport.sendSnapshot(message(1, 5), open, never));
    const mebibytes = chunks.map(({ length }) => length / 1024 / 1024);
    expect(mebibytes).toEqual([3, 3, 1]);
    expect(chunk.equals(Buffer.alloc(chunk.length, 1))).toBe(true);
  });

  it('is read no faster than it is taken', async () => {
    const { world, a, b } = await pair();
    const { seen, open } = source();
    let goOn = (): void => undefined;
    const receiveSnapshot = async (
      _: unknown,
      stream: AsyncIterable<Uint8Array>,
    ): Promise<void> => {
      for await (const bytes of stream) {
        b.snapshot = bytes;
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
      }
    };
    await world.member(5, { handler: { receiveSnapshot } });
    a.transport.setPeer(peer(5));
    const sending = a.transport.sendSnapshot(message(1, 5), open, never);
    for (const number of [1, 2, 3]) {
      await world.pass(100);
      expect(seen.chunks).toHaveLength(number);
      goOn();
    }
    await a.transport.close();
    await expect(world.until(sending)).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
  });

  it('has a message of its own in each call', async () => {
    const { world, a } = await pair();
    const contexts: unknown[] = [];
    const take = ({ context }: Message): void => {
      contexts.push([...(context ?? [])]);
      context?.fill(9);
    };
    await world.member(5, {
      handler: {
        receivedSnapshotBytes: async (asked) => {
          take(asked);
          return 0;
        },
        receiveSnapshot: async (taken) => take(taken),
      },
    });
    a.transport.setPeer(peer(5));
    const sent = { ...message(1, 5), context: Uint8Array.of(1, 2) };
    await world.until(a.transport.sendSnapshot(sent, source().open, never));
    expect(contexts).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(sent.context).toEqual(Uint8Array.of(1, 2));
  });
});
