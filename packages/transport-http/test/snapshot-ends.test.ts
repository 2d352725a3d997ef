/** Snapshots that do not arrive: both sides get a reason, and nothing stays open. */
import { encodeMessage } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { frameHead } from '../src/messages/frames.ts';
import { handshakeOf, headOf, RawClient } from './raw-client.ts';
import { never, Sink, snapshotMessage, Source } from './snapshot-support.ts';
import { clock, mebibyte, Net, until, type Member } from './support.ts';

let net: Net;
let sink: Sink;
let one: Member;
let two: Member;
beforeEach(async () => {
  net = new Net();
  sink = new Sink();
  [one, two] = await net.pair({}, { handler: sink.handler });
});
afterEach(() => net.close());

const send = (source: Source, signal: AbortSignal = never): Promise<void> =>
  one.transport.sendSnapshot(snapshotMessage(1n, 2n), source.open, signal);

/** The error of a promise, and the number of open streams of the source at that moment. */
async function endOf(sending: Promise<void>, source: Source): Promise<[unknown, number]> {
  try {
    await sending;
  } catch (error) {
    return [error, source.openStreams];
  }
  throw new Error('it arrived');
}

describe('a snapshot ends', () => {
  it.each([0, 1, 20])('when the receiver refuses it after %s chunks', async (chunks) => {
    const source = new Source(8 * mebibyte);
    sink.onChunk = (received) => {
      if (received >= chunks * 65_536) throw new Error('no room here');
    };
    const [error, open] = await endOf(send(source), source);
    expect(error).toMatchObject({ code: 'TRANSPORT_REFUSED', reason: 'not-taken' });
    // The error may contain paths, so it is not sent to the other side.
    expect(String(error)).not.toContain('no room here');
    expect(String(error)).toContain('the log of that member says why');
    expect([open, source.offsets]).toEqual([0, [0]]);
  });

  it('with a reason of any length', async () => {
    sink.onChunk = () => {
      throw new Error('why'.repeat(100_000));
    };
    const source = new Source(10);
    const [error] = await endOf(send(source), source);
    expect(error).toMatchObject({ code: 'TRANSPORT_REFUSED', reason: 'not-taken' });
  });

  it.each(['in the middle', 'at once', 'when it is opened'])(
    'with what its source throws %s',
    async (when) => {
      const problem = new Error('the disk is gone');
      let returned = 0;
      async function* read(): AsyncGenerator<Uint8Array, void, void> {
        try {
          if (when === 'in the middle') yield new Uint8Array(1000);
          throw problem;
        } finally {
          returned += 1;
        }
      }
      const open = (): AsyncGenerator<Uint8Array, void, void> => {
        if (when === 'when it is opened') throw problem;
        return read();
      };
      const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), open, never);
      await expect(sending).rejects.toBe(problem);
      await until(() => sink.running === 0);
      expect([sink.taken, returned]).toEqual([0, when === 'when it is opened' ? 0 : 1]);
    },
  );

  const ends: [string, object, (giveUp: AbortController) => void][] = [
    ['the sender gives up', { message: 'enough' }, (giveUp) => giveUp.abort(new Error('enough'))],
    ['the sender closes', { code: 'TRANSPORT_CLOSED' }, () => void one.transport.close()],
    ['the receiver closes', { code: 'TRANSPORT_UNREACHABLE' }, () => void two.transport.close()],
    ['the sender removes it', { reason: 'removed' }, () => one.transport.removePeer(2n)],
    ['the receiver removes it', { reason: 'removed' }, () => two.transport.removePeer(1n)],
  ];
  it.each(ends)('in the middle, when %s', async (_, expected, end) => {
    const source = new Source(64 * mebibyte, mebibyte);
    const giveUp = new AbortController();
    sink.onChunk = (received) => {
      if (received === mebibyte) end(giveUp);
    };
    const [error, open] = await endOf(send(source, giveUp.signal), source);
    expect(error).toMatchObject(expected);
    expect(open).toBe(0);
    await until(() => sink.running === 0);
    expect(sink.taken).toBe(0);
  });

  it.each(['before', 'at the question', 'at the outcome'])(
    'when the signal fires: %s',
    async (stage) => {
      const source = new Source(1000);
      const giveUp = new AbortController();
      if (stage === 'before') giveUp.abort(new Error('enough'));
      if (stage === 'at the question') two.proxy.cut();
      let isHeld = false;
      sink.onChunk = () => {
        isHeld = true;
        return clock.sleep(1000);
      };
      const sending = send(source, giveUp.signal);
      sending.catch(() => undefined);
      if (stage === 'at the question') await clock.sleep(30);
      if (stage === 'at the outcome') await until(() => isHeld && source.openStreams === 0);
      giveUp.abort(new Error('enough'));
      const [error, open] = await endOf(sending, source);
      expect(error).toMatchObject({ message: 'enough' });
      expect(open).toBe(0);
      two.proxy.heal();
    },
  );

  it('when nobody knows where the member is', async () => {
    const source = new Source(10);
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 9n), source.open, never);
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' });
    // Only after several attempts, because the member may become known in a moment.
    expect(one.logged.filter((line) => line.includes('is resumed later'))).toHaveLength(4);
  });

  it('although its source hangs in a read', async () => {
    const giveUp = new AbortController();
    async function* hangs(): AsyncGenerator<Uint8Array, void, void> {
      yield new Uint8Array(1);
      await new Promise(() => undefined);
    }
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), hangs, giveUp.signal);
    sending.catch(() => undefined);
    await until(() => sink.received === 1);
    giveUp.abort(new Error('enough'));
    await expect(sending).rejects.toThrow('enough');
  });
});

describe('attempts at once', () => {
  it('are taken one after the other, however slowly the first one ends', async () => {
    sink.onChunk = async (_, signal) => {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await clock.sleep(100);
    };
    const receiver = await net.add(3n, {
      handler: { ...sink.handler, receivedSnapshotBytes: async () => 0 },
    });
    // The request begins at once, as from senders that have asked at the same time.
    const bytes = encodeMessage(snapshotMessage(1n, 3n));
    const body = Buffer.concat([frameHead(bytes), bytes, frameHead(Buffer.of(1)), Buffer.of(1)]);
    const head = headOf('POST /raft/v1/snapshots', handshakeOf(receiver), [
      'babuza-offset: 0',
      'Content-Length: 1000000',
    ]);
    const attempt = (): RawClient => {
      const client = new RawClient(receiver.transport.listeningPort ?? 0);
      client.write(Buffer.concat([Buffer.from(head), body]));
      return client;
    };
    const clients = [attempt()];
    await until(() => sink.running === 1);
    for (let count = 0; count < 4; count += 1) clients.push(attempt());
    // Each attempt but the last is ended by another one.
    await until(
      () => clients.filter(({ hasEnded, isClosed }) => hasEnded || isClosed).length === 4,
    );
    expect(sink.mostRunning).toBe(1);
    for (const { socket } of clients) socket.destroy();
    await until(() => sink.running === 0);
  });
});
