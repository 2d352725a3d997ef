/** Snapshots arrive completely, resume where they ended, and leave nothing open. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { never, Sink, snapshotMessage, Source } from './snapshot-support.ts';
import { clock, mebibyte, Net, until } from './support.ts';

let net: Net;
let sink: Sink;
beforeEach(() => {
  net = new Net();
  sink = new Sink();
});
afterEach(() => net.close());

const send = (transport: Net['members'][number]['transport'], source: Source, signal = never) =>
  transport.sendSnapshot(snapshotMessage(1n, 2n), source.open, signal);

describe('a snapshot', () => {
  it.each([
    ['of no bytes', 0, 1024],
    ['of one byte', 1, 1024],
    ['of 5 MiB in large chunks', 5 * mebibyte, 4 * mebibyte],
    ['of many small chunks', 50_000, 50],
  ])('arrives whole: %s', async (_, size, chunkBytes) => {
    const [one] = await net.pair({}, { handler: sink.handler });
    const source = new Source(size, chunkBytes);
    await send(one.transport, source);
    expect(sink.bytes.equals(source.bytes)).toBe(true);
    expect([sink.taken, source.offsets, source.openStreams]).toEqual([1, [0], 0]);
  });

  it.each([1, 3, 8])('goes on where it ended after %s breaks', async (breaks) => {
    const [one, two] = await net.pair({}, { handler: sink.handler });
    const source = new Source(3 * mebibyte);
    let left = breaks;
    source.onRead = async (at) => {
      const breakAt = ((breaks - left + 1) * 3 * mebibyte) / (breaks + 1);
      if (left === 0 || at < breakAt) return;
      // A part of this attempt has arrived, and the rest was not read.
      await until(() => sink.received > (source.offsets.at(-1) ?? 0));
      left -= 1;
      two.proxy.breakAll();
    };
    await send(one.transport, source);
    expect(sink.bytes.equals(source.bytes)).toBe(true);
    expect(source.offsets.length).toBe(breaks + 1);
    expect(source.offsets[0]).toBe(0);
    for (const [number, offset] of source.offsets.entries()) {
      if (number > 0) expect(offset).toBeGreaterThan(source.offsets[number - 1] ?? 0);
    }
    expect([sink.taken, source.openStreams]).toEqual([1, 0]);
  });

  it('goes on after a cut that nobody told of', async () => {
    const [one, two] = await net.pair({}, { handler: sink.handler });
    const source = new Source(2 * mebibyte);
    let isCut = false;
    source.onRead = (at) => {
      if (isCut || at < mebibyte) return;
      isCut = true;
      two.proxy.cut();
    };
    const sending = send(one.transport, source);
    await until(() => isCut && source.openStreams === 0);
    two.proxy.heal();
    await sending;
    expect(sink.bytes.equals(source.bytes)).toBe(true);
    expect(source.openStreams).toBe(0);
  });

  it('waits for a slow receiver, and holds little meanwhile', async () => {
    const [one] = await net.pair({}, { handler: sink.handler });
    const source = new Source(48 * mebibyte, mebibyte);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    sink.onChunk = (received) => (received > 2 * mebibyte ? gate : undefined);
    const sending = send(one.transport, source);
    // Longer than the stall timeout: a receiver that works is not abandoned.
    await clock.sleep(1200);
    expect(source.sentBytes).toBeLessThan(24 * mebibyte);
    open();
    await sending;
    expect(sink.bytes.equals(source.bytes)).toBe(true);
  });

  it('passes below a rate at which one chunk takes longer than a stall', async () => {
    const [one] = await net.pair({ snapshotBytesPerSecond: 200_000 }, { handler: sink.handler });
    const source = new Source(300_000, 150_000);
    const beganMs = clock.monotonicMs();
    await send(one.transport, source);
    expect(clock.monotonicMs() - beganMs).toBeGreaterThan(1000);
    expect(sink.bytes.equals(source.bytes)).toBe(true);
    expect(source.offsets).toEqual([0]);
  });

  it('of a source that pauses longer than a stall goes on', async () => {
    const [one] = await net.pair({}, { handler: sink.handler });
    const source = new Source(200_000, 50_000);
    let pauses = 1;
    const open = async function* (offset: number): AsyncGenerator<Uint8Array, void, void> {
      for await (const chunk of source.open(offset)) {
        yield chunk;
        if (pauses > 0) await clock.sleep(800 * pauses--);
      }
    };
    await one.transport.sendSnapshot(snapshotMessage(1n, 2n), open, never);
    expect(sink.bytes.equals(source.bytes)).toBe(true);
  });

  it('that has arrived whole without its answer is not sent again', async () => {
    const [one, two] = await net.pair({}, { handler: sink.handler });
    const source = new Source(100_000);
    sink.onChunk = (received) => {
      if (received === 100_000 && source.offsets.length === 1) two.proxy.breakAll();
    };
    await send(one.transport, source);
    expect(source.offsets).toEqual([0, 100_000]);
    expect(sink.bytes.equals(source.bytes)).toBe(true);
  });
});
