/** Requests over a network on which a large one takes longer than the stall timeout. */
import { EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeMessages, sizeInFrame } from '../src/messages/frames.ts';
import { handshakeOf, headOf, RawClient } from './raw-client.ts';
import { clock, mebibyte, messageOf, Net, until } from './support.ts';

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

const append = (from: bigint, to: bigint): Message =>
  newMessage({
    type: MessageType.App,
    from,
    to,
    term: 1,
    entries: [{ term: 1, index: 1, type: EntryType.Normal, data: Buffer.alloc(mebibyte - 100) }],
  });

describe('a large message in a request on a slow way', () => {
  it('arrives, however long it takes, as long as it moves', async () => {
    const [one, two] = await net.pair({ streams: false, stallTimeoutMs: 1000 });
    two.proxy.setFaults({ bytesPerSecond: 300_000 });
    one.transport.send([append(1n, 2n)]);
    await until(() => two.received.length === 1 || one.unreachable.length > 0);
    expect(one.unreachable).toEqual([]);
    one.transport.send([messageOf(1n, 2n, 'and the next one')]);
    await until(() => two.texts.includes('and the next one'));
    expect(one.transport.counts()).toMatchObject({ connections: 1, failedConnections: 0 });
  });

  it('is given up where it moves no more', async () => {
    const [one, two] = await net.pair({ streams: false });
    two.proxy.setFaults({ bytesPerSecond: 300_000 });
    one.transport.send([append(1n, 2n)]);
    await clock.sleep(700);
    two.proxy.cut();
    await until(() => one.unreachable.length > 0);
    expect(two.received).toEqual([]);
  });

  it.each([
    ['damaged at its end', (frame: Buffer) => frame.writeUInt8(1, frame.length - 1)],
    ['whole', () => undefined],
  ])('is answered while it comes: %s', async (_, change) => {
    const two = await net.add(2n);
    const message = append(70n, 2n);
    const frame = encodeMessages([message], sizeInFrame(message));
    change(frame);
    const client = new RawClient(two.transport.listeningPort ?? 0);
    const length = `Content-Length: ${frame.length}`;
    client.write(headOf('POST /raft/v1/messages', handshakeOf(two, { from: 70n }), [length]));
    client.write(frame.subarray(0, 1000));
    await until(() => /^HTTP\/1.1 200[^]*\r\n\r\n[^]/.test(client.text));
    expect(client.text).not.toContain('\r\n0\r\n');
    client.write(frame.subarray(1000));
    await until(() => client.text.endsWith('\r\n0\r\n\r\n') || client.hasEnded);
    expect(client.text.endsWith('\r\n0\r\n\r\n')).toBe(two.received.length === 1);
    client.socket.destroy();
  });
});
