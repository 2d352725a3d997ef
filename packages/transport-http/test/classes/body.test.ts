/** The frames of a body, at the limits of their sizes and of the time without data. */
import { randomFillSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { closeAfter, framesOf } from '../../src/messages/body.ts';
import { FrameReader } from '../../src/messages/frame-reader.ts';
import { emptyFrame, frameHead } from '../../src/messages/frames.ts';
import { FakeMember, stallTimeoutMs } from './fakes.ts';
import { exchangeOf, frameOf } from './requests.ts';
import { payloadsAfter } from './payloads-after.ts';

const payloadOf = (bytes: number): Buffer => {
  const payload = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 1) payload[at] = (at * 31 + (at >> 8)) & 255;
  return payload;
};

describe('a frame reader', () => {
  it.each([
    [99, true],
    [100, true],
    [101, false],
  ])('of 100 bytes at most takes a frame of %i bytes: %s', (bytes, isTaken) => {
    const reader = new FrameReader(100);
    const push = (): Buffer[] => payloadsAfter(reader, frameOf(payloadOf(bytes)));
    if (isTaken) expect(push()).toEqual([payloadOf(bytes)]);
    else expect(push).toThrow('at most 100 bytes; got 101');
  });

  it('refuses a frame that is too long by its head, before its payload is held', () => {
    const reader = new FrameReader(100);
    const head = frameOf(payloadOf(101)).subarray(0, 8);
    expect(() => payloadsAfter(reader, head)).toThrow('at most 100 bytes; got 101');
  });

  it('gives the same payloads however the bytes are cut', () => {
    const payloads = [0, 1, 7, 8, 9, 0, 4096, 4097, 100].map(payloadOf);
    const bytes = Buffer.concat(payloads.map(frameOf));
    for (const step of [1, 2, 7, 8, 9, 15, 16, 17, 4095, 4096, 4097, bytes.length]) {
      const reader = new FrameReader(5000);
      const got: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += step) {
        got.push(...payloadsAfter(reader, Buffer.from(bytes.subarray(at, at + step))));
      }
      expect(Buffer.concat(got.map(frameOf)).equals(bytes), `in steps of ${step}`).toBe(true);
      expect(reader.isWhole).toBe(true);
    }
  });

  it('notices a change of any bit of a payload and of its checksum', () => {
    const whole = frameOf(payloadOf(40));
    for (let bit = 32; bit < 8 * whole.length; bit += 1) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => payloadsAfter(new FrameReader(100), damaged), `bit ${bit}`).toThrow('checksum');
    }
  });

  it('is whole between two frames only', () => {
    const bytes = Buffer.concat([frameOf(payloadOf(3)), emptyFrame, frameOf(payloadOf(5))]);
    const ends = new Set([0, 11, 19, bytes.length]);
    for (let length = 0; length <= bytes.length; length += 1) {
      const reader = new FrameReader(100);
      if (length > 0) payloadsAfter(reader, bytes.subarray(0, length));
      expect(reader.isWhole, `after ${length} bytes`).toBe(ends.has(length));
    }
  });
});

describe('the memory of a frame reader', () => {
  it('is in few pieces, each of a size that is doubled up to 8 KiB, however small they come', () => {
    const reader = new FrameReader(100_000);
    payloadsAfter(reader, frameHead(Buffer.alloc(50_000)));
    for (let bytes = 1; bytes <= 20_000; bytes += 1) {
      payloadsAfter(reader, Buffer.alloc(1));
      // One chunk for each bit of the number of bytes that are not in chunks of 8 KiB.
      const bits = (bytes & 8191).toString(2).replaceAll('0', '').length;
      expect(reader.pieces).toBe((bytes >> 13) + bits);
    }
  });

  it('is not copied again for a small piece that follows a large one', () => {
    const reader = new FrameReader(100_000);
    payloadsAfter(reader, frameHead(Buffer.alloc(50_000)));
    for (const bytes of [5000, 5000, 4096, 4097, 4096, 4095])
      payloadsAfter(reader, Buffer.alloc(bytes));
    // Only the chunk of 4,096 bytes before the one of 4,097 is small enough to be merged.
    expect(reader.pieces).toBe(5);
  });

  it('is nothing after the last byte of a frame', () => {
    const reader = new FrameReader(100);
    const frame = frameOf(payloadOf(10));
    expect(payloadsAfter(reader, frame)).toHaveLength(1);
    expect(reader.pieces).toBe(0);
    payloadsAfter(reader, Buffer.concat([frame, frame.subarray(0, 5)]));
    expect(reader.pieces).toBe(1);
  });
});

/** Reads all frames and returns the result. */
async function read(frames: AsyncGenerator<Buffer>): Promise<[number[], unknown]> {
  const lengths: number[] = [];
  try {
    for await (const frame of frames) lengths.push(frame.length);
    return [lengths, 'end'];
  } catch (error) {
    return [lengths, error];
  }
}

describe('a body', () => {
  it('that ends in the middle of a frame is broken, wherever that is', async () => {
    const bytes = Buffer.concat([frameOf(payloadOf(3)), frameOf(payloadOf(5))]);
    for (let length = 0; length <= bytes.length; length += 1) {
      const { clock } = new FakeMember();
      const { request } = exchangeOf();
      if (length > 0) request.push(bytes.subarray(0, length));
      request.push(null);
      const [lengths, end] = await read(framesOf(request, clock, stallTimeoutMs, 100));
      expect(lengths).toEqual(length < 11 ? [] : length < bytes.length ? [3] : [3, 5]);
      if (length === 0 || length === 11 || length === bytes.length) expect(end).toBe('end');
      else expect(end).toMatchObject({ code: 'TRANSPORT_BROKEN' });
      expect(clock.pendingCount).toBe(0);
    }
  });

  it('that does not go on is given up after the stall timeout, and not before', async () => {
    const { clock } = new FakeMember();
    const { request } = exchangeOf();
    let ended: unknown;
    void read(framesOf(request, clock, stallTimeoutMs, 100)).then((end) => (ended = end));
    request.push(frameOf(payloadOf(3)));
    await clock.advance(stallTimeoutMs - 1);
    // Half a frame counts as progress.
    request.push(frameOf(payloadOf(5)).subarray(0, 6));
    await clock.advance(stallTimeoutMs - 1);
    expect(ended).toBeUndefined();
    await clock.advance(1);
    await clock.advance(0);
    expect(ended).toMatchObject([[3], { code: 'TRANSPORT_BROKEN' }]);
    expect(clock.pendingCount).toBe(0);
  });

  it('is not given up while its reader takes time', async () => {
    const { clock } = new FakeMember();
    const { request } = exchangeOf();
    const frames = framesOf(request, clock, stallTimeoutMs, 100);
    request.push(Buffer.concat([frameOf(payloadOf(1)), frameOf(payloadOf(2))]));
    await frames.next();
    await clock.advance(10 * stallTimeoutMs);
    request.push(null);
    expect(await read(frames)).toEqual([[2], 'end']);
  });

  it('whose reader wants no more leaves the connection open for an answer', async () => {
    const { clock, wire } = new FakeMember();
    const { request, socket } = exchangeOf();
    const frames = framesOf(request, clock, stallTimeoutMs, 100);
    request.push(frameOf(payloadOf(1)));
    await frames.next();
    await frames.return();
    expect([request.destroyed, socket.destroyed, clock.pendingCount]).toEqual([false, false, 0]);
    // The rest is dropped, and then the connection is closed.
    closeAfter(request, wire);
    request.push(frameOf(payloadOf(2)));
    request.push(null);
    await clock.advance(0);
    await clock.advance(0);
    expect([socket.writableEnded, socket.destroyed, clock.pendingCount]).toEqual([true, true, 0]);
  });
});

describe('the end of a connection behind an answer', () => {
  it('comes at once where the request was read whole', () => {
    const { clock, wire } = new FakeMember();
    const { request, socket } = exchangeOf();
    Object.defineProperty(request, 'readableEnded', { value: true });
    closeAfter(request, wire);
    expect([socket.writableEnded, clock.pendingCount]).toEqual([true, 0]);
  });

  it('needs no timer where the connection is closed already: it would keep the process', () => {
    const { clock, wire } = new FakeMember();
    const { request, socket } = exchangeOf();
    socket.destroy();
    closeAfter(request, wire);
    expect(clock.pendingCount).toBe(0);
  });

  it('comes when the rest of the request is here', async () => {
    const { clock, wire } = new FakeMember();
    const { request, socket } = exchangeOf();
    closeAfter(request, wire);
    request.push(randomFillSync(Buffer.alloc(1000)));
    await clock.advance(stallTimeoutMs - 1);
    expect(socket.writableEnded).toBe(false);
    request.push(null);
    await clock.advance(0);
    await clock.advance(0);
    expect([socket.writableEnded, socket.destroyed, clock.pendingCount]).toEqual([true, true, 0]);
  });

  it('comes after the stall timeout, however much still comes', async () => {
    const { clock, wire } = new FakeMember();
    const { request, socket } = exchangeOf();
    closeAfter(request, wire);
    // Further requests behind it change nothing.
    closeAfter(request, wire);
    for (let step = 0; step < 9; step += 1) {
      request.push(Buffer.alloc(10));
      await clock.advance(stallTimeoutMs / 10);
    }
    expect(socket.destroyed).toBe(false);
    await clock.advance(stallTimeoutMs / 10);
    await clock.advance(0);
    expect([socket.destroyed, clock.pendingCount]).toEqual([true, 0]);
  });
});
