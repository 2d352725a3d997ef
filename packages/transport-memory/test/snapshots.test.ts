/** Snapshots on their way: whole, broken, continued, refused, given up. */
import { describe, expect, it } from 'vitest';
import { message, World, type Member } from './support.ts';

const state = Uint8Array.from({ length: 100 }, (_, at) => at);

/** The state in chunks of ten bytes, and what became of the one who reads it. */
function source() {
  const seen = { offsets: [] as number[], returned: 0, chunks: [] as Uint8Array[] };
  const open = async function* (offset: number): AsyncGenerator<Uint8Array, void, void> {
    seen.offsets.push(offset);
    try {
      for (let at = offset; at < state.length; at += 10) {
        const chunk = state.slice(at, at + 10);
        seen.chunks.push(chunk);
        yield chunk;
      }
    } finally {
      seen.returned += 1;
    }
  };
  return { seen, open };
}

async function pair(): Promise<{ world: World; a: Member; b: Member }> {
  const world = new World();
  const [a, b] = await world.members(2);
  if (a === undefined || b === undefined) throw new Error('there are two');
  return { world, a, b };
}

const never = new AbortController().signal;

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
    await world.pass(45);
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

  it('is not sent where the way is cut, or nobody takes it', async () => {
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
    await expect(world.until(sending)).rejects.toBe(b.refusesSnapshots);
    expect(seen.offsets).toEqual([]);
  });

  it('whose source fails, fails with that on both sides', async () => {
    const { world, a, b } = await pair();
    const failure = new Error('damaged');
    // oxlint-disable-next-line require-yield
    const open = async function* (): AsyncGenerator<Uint8Array, void, void> {
      throw failure;
    };
    const sending = a.transport.sendSnapshot(message(1, 2), open, never);
    await expect(world.until(sending)).rejects.toBe(failure);
    expect(b.snapshotFailure).toBe(failure);
  });

  it.each(['the sender gives up', 'the sender ends', 'the receiver ends'] as const)(
    'ends on both sides when %s',
    async (how) => {
      const { world, a, b } = await pair();
      world.network.setFaults({ delayMs: [10, 10] });
      const { seen, open } = source();
      const giveUp = new AbortController();
      const sending = a.transport.sendSnapshot(message(1, 2), open, giveUp.signal);
      sending.catch(() => undefined);
      await world.pass(35);
      if (how === 'the sender gives up') giveUp.abort(new Error('enough'));
      else await (how === 'the sender ends' ? a : b).transport.close();
      const expected =
        how === 'the sender gives up' ? { message: 'enough' } : { code: 'TRANSPORT_CLOSED' };
      await expect(world.until(sending)).rejects.toMatchObject(expected);
      await world.pass(50);
      expect(b.snapshotFailure).toMatchObject({ code: 'TRANSPORT_BROKEN' });
      expect(b.snapshot.length).toBe(30);
      expect(seen.returned).toBe(1);
      expect(b.received).toEqual([]);
    },
  );
});
