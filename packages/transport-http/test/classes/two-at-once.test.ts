/**
 * Concurrent events in one transport: snapshots, connections, removals and closes, on the loopback
 * interface.
 */
import { connect } from 'node:net';
import type { TransportHandler } from '@babuza/raft/ports';
import { nodeEnvironment } from '@babuza/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeMessages, sizeInFrame } from '../../src/messages/frames.ts';
import { HttpTransport } from '../../src/index.ts';
import { handshakeOf, RawClient, streamHeadOf } from '../raw-client.ts';
import { never, snapshotMessage, Source } from '../snapshot-support.ts';
import { mebibyte, messageOf, Net, silentHandler, until, type Member } from '../support.ts';

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

/** Receives snapshots and delays the end of each until the test releases it. */
class Held {
  readonly terms: number[] = [];
  readonly signals: AbortSignal[] = [];
  readonly releases: (() => void)[] = [];

  readonly handler: Partial<TransportHandler> = {
    receivedSnapshotBytes: async () => 0,
    receiveSnapshot: async (message, stream, signal) => {
      this.terms.push(message.term);
      this.signals.push(signal);
      const released = new Promise<void>((resolve) => this.releases.push(resolve));
      try {
        for await (const chunk of stream) void chunk;
      } finally {
        await released;
      }
    },
  };
}

describe('two snapshots to one member at once', () => {
  it('both end when the member is removed, also where another one has ended before', async () => {
    const [one, two] = await net.pair();
    const send = (open: Source['open'], signal = never): Promise<unknown> =>
      one.transport.sendSnapshot(snapshotMessage(1n, 2n), open, signal).catch((error) => error);
    // A source that continues until it is stopped.
    const endless = () => {
      const source = new Source(64 * mebibyte, 1000);
      source.onRead = () => new Promise((resolve) => setImmediate(resolve));
      return source;
    };
    const giveUp = new AbortController();
    // The receiver replaces the first snapshot by the second; the first is tried again, so both are
    // in progress.
    two.proxy.cut();
    const first = send(endless().open, giveUp.signal);
    const second = send(endless().open);
    giveUp.abort(new Error('enough'));
    expect(await first).toMatchObject({ message: 'enough' });
    one.transport.removePeer(2n);
    expect(await second).toMatchObject({ code: 'TRANSPORT_REFUSED', reason: 'removed' });
    two.proxy.heal();
  });
});

describe('two snapshots of two leaders at once', () => {
  it('are taken beside each other, and the removal of one leader ends its own only', async () => {
    const held = new Held();
    const [one, two] = await net.pair({}, { handler: held.handler });
    const three = await net.add(3n);
    three.transport.setPeer({ id: 2n, address: two.address });
    two.transport.setPeer({ id: 3n, address: three.address });
    const send = ({ id, transport }: Member, term: number): Promise<unknown> =>
      transport
        .sendSnapshot({ ...snapshotMessage(id, 2n), term }, new Source(1000).open, never)
        .then(
          () => 'taken',
          (error: unknown) => error,
        );
    const older = send(one, 2);
    await until(() => held.terms.length === 1);
    const newer = send(three, 3);
    await until(() => held.terms.length === 2);
    expect(held.signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    two.transport.removePeer(1n);
    expect(held.signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    for (const release of held.releases) release();
    expect(await newer).toBe('taken');
    expect(await older).toMatchObject({ code: 'TRANSPORT_REFUSED', reason: 'removed' });
    expect(held.terms).toEqual([2, 3]);
  });
});

describe('close', () => {
  it('waits until the node has given up the snapshot that it was taking', async () => {
    const held = new Held();
    const [one, two] = await net.pair({}, { handler: held.handler });
    const giveUp = new AbortController();
    const sending = one.transport
      .sendSnapshot(snapshotMessage(1n, 2n), new Source(1000).open, giveUp.signal)
      .catch((error: unknown) => error);
    await until(() => held.terms.length === 1);
    let isClosed = false;
    const closing = two.transport.close().then(() => (isClosed = true));
    await until(() => held.signals[0]?.aborted ?? false);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isClosed).toBe(false);
    for (const release of held.releases) release();
    await closing;
    giveUp.abort(new Error('enough'));
    expect(await sending).toMatchObject({ message: 'enough' });
  });

  it('in the middle of a start leaves no port open', async () => {
    const { clock, random } = nodeEnvironment();
    const transport = new HttpTransport(
      { clusterId: 1n, nodeId: 1n, clock, random },
      { address: '127.0.0.1:1', listen: { host: '127.0.0.1', port: 0 } },
    );
    const group = { groupId: 0n, entryBytesMax: mebibyte, messageBytesMax: mebibyte };
    const starting = transport.start(silentHandler, group).catch((error: unknown) => error);
    await transport.close();
    expect(await starting).toMatchObject({ code: 'TRANSPORT_CLOSED' });
    const port = transport.listeningPort;
    expect(port).toBeUndefined();
  });

  it('in the middle of a listen leaves no port open', async () => {
    const probe = await net.add(9n);
    const port = probe.transport.listeningPort ?? 0;
    await probe.transport.close();
    const { clock, random } = nodeEnvironment();
    const transport = new HttpTransport(
      { clusterId: 1n, nodeId: 1n, clock, random },
      { address: `127.0.0.1:${port}` },
    );
    const group = { groupId: 0n, entryBytesMax: mebibyte, messageBytesMax: mebibyte };
    const starting = transport.start(silentHandler, group).catch((error: unknown) => error);
    // The name is resolved in this turn of the event loop; the port is connected to in a later one.
    await Promise.resolve();
    const closing = transport.close();
    expect(await starting).toMatchObject({ code: 'TRANSPORT_CLOSED' });
    await closing;
    const code = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve('connected');
      });
      socket.on('error', (error) => resolve('code' in error ? String(error.code) : ''));
    });
    expect(code).toBe('ECONNREFUSED');
  });
});

describe('a second stream of one member', () => {
  it('is the one that is heard, looked after, and ended when the member is removed', async () => {
    const one = await net.add(1n, { stallTimeoutMs: 2000 });
    const port = one.transport.listeningPort ?? 0;
    const stream = async (): Promise<RawClient> => {
      const client = new RawClient(port);
      client.write(streamHeadOf(handshakeOf(one, { from: 7n })));
      await until(() => client.text.includes(' 101 '));
      return client;
    };
    const message = messageOf(7n, 1n, 'hello');
    const frame = encodeMessages([message], sizeInFrame(message));
    const first = await stream();
    const second = await stream();
    await until(() => first.hasEnded || first.isClosed);
    first.socket.destroy();
    await until(() => first.isClosed);
    const before = second.text.length;
    second.write(frame);
    await until(() => one.received.length === 1);
    // The stream is checked: its bytes are answered at the next pulse.
    await until(() => second.text.length > before);
    one.transport.removePeer(7n);
    await until(() => second.hasEnded || second.isClosed);
    second.write(frame);
    expect(one.received).toHaveLength(1);
    second.socket.destroy();
  }, 7000);
});

describe('an answer of another member than was asked', () => {
  it('is none, and what was to be sent is reported', async () => {
    const [one, two] = await net.pair();
    const three = await net.add(3n);
    await until(() => one.transport.counts().connectedPeers === 1);
    // At the address of member 2 member 3 answers now.
    two.proxy.setTarget(three.transport.listeningPort);
    two.proxy.breakAll();
    await until(() => {
      one.transport.send([messageOf(1n, 2n, 'for two')]);
      return one.logged.some((line) => line.includes('other-node'));
    });
    expect([three.received, one.unreachable.includes(2n)]).toEqual([[], true]);
  });
});
