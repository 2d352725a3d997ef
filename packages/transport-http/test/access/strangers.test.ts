/** Connections that have not authenticated yet. */
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { Strangers, strangersMax, strangersPerAddressMax } from '../../src/access/strangers.ts';
import { FakeSocket } from '../classes/requests.ts';

let nextPort = 1;

/** A connection from this address and port; a TLS socket on it has the same ones. */
function connectionFrom(remoteAddress: string, remotePort: number = nextPort++): FakeSocket {
  return Object.defineProperties(new FakeSocket(), {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
  });
}

const timeMs = 1000;
const memberAddress = '203.0.113.1';

function world() {
  const clock = new SimulatedClock();
  const strangers = new Strangers(clock, timeMs, (address) => address === memberAddress);
  const add = (address: string): FakeSocket => {
    const connection = connectionFrom(address);
    connection.on('error', () => undefined);
    strangers.add(connection);
    return connection;
  };
  return { clock, strangers, add };
}

const alive = (connections: readonly FakeSocket[]): number =>
  connections.filter(({ destroyed }) => !destroyed).length;

describe('a connection on which nobody has shown who speaks', () => {
  it('ends after its time', async () => {
    const { clock, strangers, add } = world();
    const connection = add('192.0.2.1');
    await clock.advance(timeMs - 1);
    expect(connection.destroyed).toBe(false);
    await clock.advance(1);
    expect([connection.destroyed, strangers.count]).toEqual([true, 0]);
  });

  it('has any time once a member has spoken on it, also on the encrypted one', async () => {
    const { clock, strangers, add } = world();
    const [plain, below] = [add('192.0.2.1'), add('192.0.2.1')];
    strangers.remove(plain);
    strangers.remove(connectionFrom('192.0.2.1', Reflect.get(below, 'remotePort')));
    await clock.advance(10 * timeMs);
    expect([alive([plain, below]), strangers.count]).toEqual([2, 0]);
  });

  it('is counted once, however often it is taken out', () => {
    const { strangers, add } = world();
    const [first] = [add('192.0.2.1'), add('192.0.2.2')];
    if (first !== undefined) for (let time = 0; time < 3; time += 1) strangers.remove(first);
    expect(strangers.count).toBe(1);
  });

  it('is another one where it comes from the same port to another address of this machine', async () => {
    const { clock, strangers } = world();
    const [first, second] = ['10.0.0.1', '10.0.0.2'].map((localAddress) => {
      const connection = connectionFrom('192.0.2.1', 7000);
      Object.defineProperties(connection, {
        localAddress: { value: localAddress },
        localPort: { value: 7400 },
      });
      connection.on('error', () => undefined);
      strangers.add(connection);
      return connection;
    });
    expect(strangers.count).toBe(2);
    first?.destroy();
    await clock.advance(0);
    expect(strangers.count).toBe(1);
    await clock.advance(timeMs);
    expect([second?.destroyed, strangers.count]).toEqual([true, 0]);
  });

  it('takes the place of one with the same addresses and ports, which was reset', async () => {
    const { clock, strangers } = world();
    const [first, second] = [1, 2].map(() => {
      const connection = connectionFrom('192.0.2.1', 7000);
      connection.on('error', () => undefined);
      strangers.add(connection);
      return connection;
    });
    // The `close` of the first connection arrives after the second one was added.
    await clock.advance(0);
    expect([first?.destroyed, second?.destroyed, strangers.count]).toEqual([true, false, 1]);
    await clock.advance(timeMs);
    expect([second?.destroyed, strangers.count]).toEqual([true, 0]);
  });

  it('makes room for a newer one of its address', () => {
    const { strangers, add } = world();
    const ofOne = Array.from({ length: strangersPerAddressMax }, () => add('192.0.2.1'));
    const other = add('192.0.2.2');
    expect(alive(ofOne)).toBe(strangersPerAddressMax);
    add('192.0.2.1');
    expect([ofOne[0]?.destroyed, alive(ofOne)]).toEqual([true, strangersPerAddressMax - 1]);
    expect([other.destroyed, strangers.count]).toEqual([false, strangersPerAddressMax + 1]);
  });

  it('makes room for one of another address where its own has the most', () => {
    const { strangers, add } = world();
    const few = [add('192.0.2.1'), add('192.0.2.2')];
    const addresses = ['192.0.2.7', '192.0.2.8', '192.0.2.9', '192.0.2.10'];
    const many = addresses.flatMap((address) =>
      Array.from({ length: strangersPerAddressMax }, () => add(address)),
    );
    expect(strangers.count).toBe(strangersMax);
    expect([alive(few), alive(many)]).toEqual([2, strangersMax - 2]);
    const young = Array.from({ length: 40 }, (_, at) => add(`198.51.100.${at}`));
    expect([alive(few), alive(young), strangers.count]).toEqual([2, 40, strangersMax]);
  });

  it('stays open if it comes from a member, however many addresses others have', () => {
    const { strangers, add } = world();
    const ofMember = Array.from({ length: 3 }, () => add(memberAddress));
    for (let at = 0; at < 3 * strangersMax; at += 1) add(`192.0.2.${at}`);
    expect([alive(ofMember), strangers.count]).toEqual([3, strangersMax]);
  });

  it('is no longer counted when it ends by itself', async () => {
    const { clock, strangers, add } = world();
    add('192.0.2.1').destroy();
    await clock.advance(0);
    expect(strangers.count).toBe(0);
  });
});
