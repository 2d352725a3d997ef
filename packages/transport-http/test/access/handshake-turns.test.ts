/** TLS handshakes wait for their turn if there are too many. */
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import {
  handshakesAtOnceMax,
  handshakesPerSecondMax,
  HandshakeTurns,
} from '../../src/access/handshake-turns.ts';
import { PassThrough } from 'node:stream';
import { MemberAddresses, remoteAddressOf } from '../../src/access/member-addresses.ts';
import { FakeSocket } from '../classes/requests.ts';

const turnMs = 1000 / handshakesPerSecondMax;

function world() {
  const clock = new SimulatedClock();
  const members = new MemberAddresses((id) => id < 9n);
  const turns = new HandshakeTurns(clock, (address) => members.has(address));
  /** The addresses of the handshakes that have begun. */
  const begun: string[] = [];
  const come = (address: string): FakeSocket => {
    const socket = new FakeSocket();
    const connection = Object.defineProperty(socket, 'remoteAddress', { value: address });
    turns.wait(connection, () => void begun.push(address));
    return connection;
  };
  const flood = (address: string, count: number): FakeSocket[] =>
    Array.from({ length: count }, () => come(address));
  return { clock, members, begun, come, flood };
}

describe('handshakes of TLS', () => {
  it('begin at once up to a number, and above it at a rate', async () => {
    const { clock, begun, flood } = world();
    flood('192.0.2.1', 10 * handshakesAtOnceMax);
    expect(begun).toHaveLength(handshakesAtOnceMax);
    await clock.advance(turnMs - 1);
    expect(begun).toHaveLength(handshakesAtOnceMax);
    await clock.advance(1);
    expect(begun).toHaveLength(handshakesAtOnceMax + 1);
    await clock.advance(1000);
    expect(begun).toHaveLength(handshakesAtOnceMax + 1 + handshakesPerSecondMax);
  });

  it('begin at once again after a quiet time, and no more of them than before', async () => {
    const { clock, begun, flood } = world();
    flood('192.0.2.1', handshakesAtOnceMax);
    await clock.advance(3_600_000);
    flood('192.0.2.1', 2 * handshakesAtOnceMax);
    expect(begun).toHaveLength(2 * handshakesAtOnceMax);
  });

  it('wait behind those that wait, also when the allowance has grown', async () => {
    const { clock, begun, come, flood } = world();
    flood('192.0.2.1', handshakesAtOnceMax);
    come('192.0.2.2');
    come('192.0.2.3');
    await clock.advance(2 * turnMs);
    expect(begun.slice(handshakesAtOnceMax)).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  it('go round the addresses, so that a flood from one delays another by one turn', async () => {
    const { clock, begun, come, flood } = world();
    flood('192.0.2.1', handshakesAtOnceMax + 30);
    come('192.0.2.2');
    await clock.advance(2 * turnMs);
    expect(begun.slice(handshakesAtOnceMax)).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('of a member come before those of strangers, which get every second turn', async () => {
    const { clock, members, begun, flood } = world();
    members.set(2n, '198.51.100.2');
    for (let at = 0; at < handshakesAtOnceMax + 100; at += 1) flood(`192.0.2.${at}`, 1);
    flood('198.51.100.2', 3);
    await clock.advance(5 * turnMs);
    const isOfMember = begun.slice(handshakesAtOnceMax).map((address) => members.has(address));
    expect(isOfMember).toEqual([true, false, true, false, true]);
  });

  it('of connections that have closed meanwhile take no turn', async () => {
    const { clock, begun, come, flood } = world();
    flood('192.0.2.1', handshakesAtOnceMax);
    const gone = [come('192.0.2.2'), come('192.0.2.2'), come('192.0.2.3')];
    come('192.0.2.2');
    for (const connection of gone) connection.destroy();
    await clock.advance(0);
    await clock.advance(turnMs);
    expect(begun.slice(handshakesAtOnceMax)).toEqual(['192.0.2.2']);
  });

  it('leave no timer behind when nobody waits any more', async () => {
    const { clock, come, flood } = world();
    flood('192.0.2.1', handshakesAtOnceMax);
    const last = come('192.0.2.2');
    expect(clock.pendingCount).toBe(1);
    last.destroy();
    await clock.advance(0);
    expect(clock.pendingCount).toBe(0);
  });
});

describe('the addresses of members', () => {
  it('are no addresses of nodes that the membership does not have', () => {
    const members = new MemberAddresses((id) => id < 9n);
    members.set(9n, '192.0.2.9');
    expect(members.has('192.0.2.9')).toBe(false);
  });

  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:0:1', '::ffff:0:1'],
    [undefined, ''],
  ])('are the same on both families: %s', (remoteAddress, expected) => {
    expect(remoteAddressOf(Object.assign(new PassThrough(), { remoteAddress }))).toBe(expected);
  });

  it('are the latest one of each, until it is removed', () => {
    const members = new MemberAddresses((id) => id < 9n);
    members.set(2n, '192.0.2.1');
    members.set(2n, '192.0.2.2');
    members.set(3n, '192.0.2.3');
    const known = (): boolean[] => [1, 2, 3].map((last) => members.has(`192.0.2.${last}`));
    expect(known()).toEqual([false, true, true]);
    members.forget(2n);
    expect(known()).toEqual([false, false, true]);
  });
});
