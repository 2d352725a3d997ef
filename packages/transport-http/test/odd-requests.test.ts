/**
 * Requests that HTTP allows but no member sends: they cost no more than others and do not disturb
 * other requests.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handshakeOf, headOf, RawClient, streamHeadOf } from './raw-client.ts';
import { clock, Net, until, type Member } from './support.ts';

let net: Net;
let one: Member;
const clients: RawClient[] = [];
beforeEach(async () => {
  net = new Net();
  one = await net.add(1n, { stallTimeoutMs: 300 });
});
afterEach(async () => {
  await net.close();
  for (const { socket } of clients.splice(0)) socket.destroy();
});

function client(): RawClient {
  const made = new RawClient(one.transport.listeningPort ?? 0);
  clients.push(made);
  return made;
}

const unknown = { from: 77n };
const chunkedBody = ['Transfer-Encoding: chunked'];

describe('a stranger who expects what nobody knows', () => {
  it('is refused, and holds no connection with a body that trickles in', async () => {
    const stranger = client();
    stranger.write(headOf('POST /', undefined, ['Expect: more', 'Content-Length: 100000']));
    await until(() => stranger.text.includes('\r\n\r\n'));
    expect(stranger.text).toContain('babuza-refusal: bad-handshake');
    await stranger.untilGone();
  });
});

describe('many requests behind each other on one connection', () => {
  const cases: [string, () => string][] = [
    ['without a handshake', () => headOf('GET /', undefined)],
    ['for paths that are not there', () => headOf('GET /', handshakeOf(one, unknown))],
    ['with bodies that are refused', () => `${headOf('POST /', undefined, chunkedBody)}0\r\n\r\n`],
  ];
  it.each(cases)('make nobody warn of a leak: %s', async (_, request) => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', onWarning);
    const stranger = client();
    stranger.write(request().repeat(60));
    await stranger.untilGone();
    process.off('warning', onWarning);
    expect(stranger.text).toContain('babuza-refusal: ');
    expect(warnings).toStrictEqual([]);
  });
});

describe('a stream that is asked for behind a request without an answer', () => {
  it('is not opened: its bytes would lie between those of the answer', async () => {
    const member = client();
    member.write(headOf('POST /raft/v1/messages', handshakeOf(one, unknown), chunkedBody));
    member.write(`0\r\n\r\n${streamHeadOf(handshakeOf(one, unknown))}`);
    await until(() => member.isClosed || member.hasEnded);
    expect(member.text).not.toContain('101');
  });

  it('is opened behind the answer', async () => {
    const member = client();
    member.write(headOf('POST /raft/v1/messages', handshakeOf(one, unknown), chunkedBody));
    member.write('0\r\n\r\n');
    await until(() => member.text.includes('\r\n\r\n'));
    await clock.sleep(5);
    member.write(streamHeadOf(handshakeOf(one, unknown)));
    await until(() => member.text.includes('101 Switching'));
  });
});
