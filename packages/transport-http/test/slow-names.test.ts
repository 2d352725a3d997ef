/**
 * Members whose names hang, fail, resolve late or resolve to another address, beside healthy
 * members.
 */
import { unlessAborted, type HostAddress, type HostNames } from '@babuza/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpTransport } from '../src/index.ts';
import { Authority } from './certificates.ts';
import { snapshotMessage, Source } from './snapshot-support.ts';
import {
  clock,
  mebibyte,
  messageOf,
  Net,
  random,
  silentHandler,
  until,
  type Member,
} from './support.ts';

const here: HostAddress[] = [{ address: '127.0.0.1', family: 4 }];
const hangs = new Promise<never>(() => undefined);

/** The names of the test. Every other name hangs, as with a name server that does not answer. */
class Names implements HostNames {
  readonly #answers: Record<string, () => Promise<HostAddress[]>>;
  readonly asked: string[] = [];

  constructor(answers: Record<string, () => Promise<HostAddress[]>>) {
    this.#answers = answers;
  }

  async lookUp(name: string, signal: AbortSignal): Promise<HostAddress[]> {
    this.asked.push(name);
    return unlessAborted(signal, this.#answers[name]?.() ?? hangs);
  }
}

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

const isConnectedTo = (transport: HttpTransport, id: bigint): boolean =>
  transport.stats().some((peer) => peer.id === id && peer.isConnected);

describe('five members, two of them dead with names that hang', () => {
  const living = ['node-1', 'node-2', 'node-3'];
  const dead = ['node-4', 'node-5'];
  const names = new Names(Object.fromEntries(living.map((name) => [name, async () => here])));

  it.each([true, false])('the living hear each other at once (streams: %s)', async (streams) => {
    const members: Member[] = [];
    for (const [at, host] of living.entries()) {
      members.push(
        await net.add(BigInt(at + 1), { names, host, streams, stallTimeoutMs: 600_000 }),
      );
    }
    for (const { transport } of members) {
      // The unreachable members come first.
      for (const [at, host] of dead.entries()) {
        transport.setPeer({ id: BigInt(at + 4), address: `${host}:1` });
      }
      for (const other of members) {
        if (other.transport === transport) continue;
        transport.setPeer({
          id: other.id,
          address: other.addressBy(living[Number(other.id) - 1] ?? ''),
        });
      }
    }
    const ids = [1n, 2n, 3n, 4n, 5n];
    for (const { id, transport } of members) {
      transport.send(ids.filter((to) => to !== id).map((to) => messageOf(id, to, `from ${id}`)));
    }
    await until(() => members.every(({ received }) => received.length >= 2));
    // With a stall timeout of ten minutes, only a lookup with its own limit ends this soon.
    const [one] = members;
    await until(() => one?.unreachable.includes(4n) ?? false);
    expect(one?.logged.join('\n')).toMatch(/member 4 at node-4:1 .*'node-4' cannot be resolved/);
  });

  it('a member that restarts is heard again', async () => {
    const one = await net.add(1n, { names, host: 'node-1' });
    const two = await net.add(2n, { names, host: 'node-2' });
    one.transport.setPeer({ id: 4n, address: 'node-4:1' });
    one.transport.setPeer({ id: 2n, address: two.addressBy('node-2') });
    await until(() => isConnectedTo(one.transport, 2n));
    await two.transport.close();
    const again = await net.add(2n, { names, address: two.addressBy('node-2') });
    two.proxy.setTarget(again.transport.listeningPort);
    again.transport.setPeer({ id: 1n, address: one.addressBy('node-1') });
    while (again.received.length === 0) {
      one.transport.send([messageOf(1n, 2n, 'welcome back')]);
      await clock.sleep(10);
    }
  });
});

describe('a look-up that takes longer than the stall timeout', () => {
  it('costs no attempt', async () => {
    const late = async (): Promise<HostAddress[]> => clock.sleep(400).then(() => here);
    const names = new Names({ two: late });
    const one = await net.add(1n, { names, stallTimeoutMs: 200 });
    const two = await net.add(2n);
    one.transport.setPeer({ id: 2n, address: two.addressBy('two') });
    await until(() => isConnectedTo(one.transport, 2n));
    expect(one.transport.counts().failedConnections).toBe(0);
    expect(names.asked).toEqual(['two']);
  });
});

describe('a name that leads to another address than before', () => {
  it('is followed, also where nobody answers at the old address', async () => {
    let answer: HostAddress[] = [{ address: '127.0.0.2', family: 4 }];
    const one = await net.add(1n, { names: new Names({ two: async () => answer }) });
    const two = await net.add(2n);
    one.transport.setPeer({ id: 2n, address: two.addressBy('two') });
    await until(() => one.transport.counts().failedConnections > 1);
    answer = here;
    await until(() => isConnectedTo(one.transport, 2n));
  });

  it('is followed where another member answers at the old address', async () => {
    let answer = here;
    const one = await net.add(1n, { names: new Names({ two: async () => answer }) });
    const three = await net.add(3n);
    one.transport.setPeer({ id: 2n, address: three.addressBy('two') });
    await until(() => one.logged.join('\n').includes('other-node'));
    answer = [{ address: '127.0.0.2', family: 4 }];
    await until(() => one.logged.join('\n').includes('ECONNREFUSED 127.0.0.2'));
  });
});

describe('a name that leads to an address to which the system finds no way', () => {
  it.each([true, false])('is told as any other failure (streams: %s)', async (streams) => {
    // A connection to it fails before the call returns.
    const names = new Names({ two: async () => [{ address: '255.255.255.255', family: 4 }] });
    const one = await net.add(1n, { names, streams, insecure: true });
    one.transport.setPeer({ id: 2n, address: 'two:1' });
    one.transport.send([messageOf(1n, 2n, 'hello')]);
    await until(() => one.logged.length > 0);
    expect(one.logged[0]).toMatch(/member 2 at two:1 cannot be reached: connect E/);
  });
});

describe('a name that fails', () => {
  it('is told of once, with the reason, and looked up until it is known', async () => {
    let failures = 0;
    const names = new Names({
      two: async () => {
        failures += 1;
        if (failures < 4) throw new Error('no such name');
        return here;
      },
    });
    const one = await net.add(1n, { names });
    const two = await net.add(2n);
    one.transport.setPeer({ id: 2n, address: two.addressBy('two') });
    await until(() => isConnectedTo(one.transport, 2n));
    const told = one.logged.filter((line) => line.includes('no such name'));
    expect(told).toEqual([expect.stringContaining(`at ${two.addressBy('two')} cannot be reached`)]);
  });
});

describe('a snapshot to a member whose name hangs', () => {
  it('ends with its signal', async () => {
    const one = await net.add(1n, { names: new Names({}) });
    one.transport.setPeer({ id: 2n, address: 'two:1' });
    const ending = new AbortController();
    const source = new Source(10);
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), source.open, ending.signal);
    ending.abort(new Error('enough'));
    await expect(sending).rejects.toThrow('enough');
  });
});

describe('a certificate', () => {
  const authority = new Authority();
  afterEach(() => authority.remove());

  it('counts for the name, not for the address that the name leads to', async () => {
    const ca = authority.cert;
    const ofTwo = authority.issue({ uris: [], hosts: ['DNS:two.example'] });
    const names = new Names({ 'two.example': async () => here, 'three.example': async () => here });
    const one = await net.add(1n, { names, tls: { ...authority.issue({ member: 1n }), ca } });
    const two = await net.add(2n, { tls: { ...ofTwo, ca } });
    one.transport.setPeer({ id: 2n, address: two.addressBy('two.example') });
    await until(() => isConnectedTo(one.transport, 2n));
    one.transport.setPeer({ id: 3n, address: two.addressBy('three.example') });
    await until(() => one.logged.join('\n').includes('is not valid for three.example'));
  });
});

describe('the own name', () => {
  const group = { groupId: 0n, entryBytesMax: mebibyte, messageBytesMax: mebibyte };
  const transportAt = (host: string, names: HostNames): HttpTransport =>
    new HttpTransport(
      { clusterId: 1n, nodeId: 1n, clock, random },
      { address: `${host}:1`, listen: { port: 0 } },
      names,
    );

  it('is listened at by its address', async () => {
    const transport = transportAt('one', new Names({ one: async () => here }));
    await transport.start(silentHandler, group);
    expect(transport.listeningPort).toBeGreaterThan(0);
    await transport.close();
  });

  it('that is not resolved fails the start, and the error says what to do', async () => {
    const names = new Names({ one: () => Promise.reject(new Error('no such name')) });
    await expect(transportAt('one', names).start(silentHandler, group)).rejects.toMatchObject({
      code: 'TRANSPORT_LISTEN',
      message: expect.stringMatching(/cannot listen on one: no such name.*listen\.host/),
    });
  });

  it('that hangs does not hold up a close', async () => {
    const transport = transportAt('one', new Names({}));
    const starting = transport.start(silentHandler, group);
    const closing = transport.close();
    await expect(starting).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    await closing;
  });
});
