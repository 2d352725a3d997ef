/**
 * The stream to each member is open before there is a message: the first vote request must not wait
 * for a connection.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clock, Net, until, type Member } from './support.ts';

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

const isConnected = ({ transport }: Member): boolean => transport.stats()[0]?.isConnected ?? false;
const failures = ({ transport }: Member): number => transport.counts().failedConnections;

describe('a member that says nothing', () => {
  it('has a stream open to each other member', async () => {
    const [one, two] = await net.pair();
    await until(() => isConnected(one) && isConnected(two));
    expect(one.transport.stats()[0]).toMatchObject({ connections: 1, sentMessages: 0 });
  });

  it('was told of it before it started', async () => {
    const two = await net.add(2n);
    const one = await net.add(1n, { peers: [{ id: 2n, address: two.address }] });
    await until(() => isConnected(one));
  });

  it('opens it again when it broke', async () => {
    const [one, two] = await net.pair();
    await until(() => isConnected(one) && isConnected(two));
    two.proxy.breakAll();
    await until(() => one.transport.stats()[0]?.connections === 2 && isConnected(one));
  });

  it('opens it to a member that comes back, whoever is the first to notice', async () => {
    const [one, two] = await net.pair();
    await until(() => isConnected(one) && isConnected(two));
    const port = two.transport.listeningPort;
    two.proxy.setTarget(undefined);
    two.proxy.breakAll();
    await until(() => failures(one) > 1 && !isConnected(one));
    two.proxy.setTarget(port);
    await until(() => isConnected(one));
  });

  it('has lost nothing when nobody is there', async () => {
    const one = await net.add(1n);
    const two = await net.add(2n);
    two.proxy.setTarget(undefined);
    one.transport.setPeer({ id: 2n, address: two.address });
    await until(() => failures(one) > 2);
    expect(one.unreachable).toEqual([]);
    expect(one.logged.filter((line) => line.includes('cannot be reached'))).toHaveLength(1);
  });

  it.each(['removed', 'closed'])('tries no more once the member is %s', async (end) => {
    const [one, two] = await net.pair();
    await until(() => isConnected(one) && isConnected(two));
    two.proxy.setTarget(undefined);
    if (end === 'removed') one.transport.removePeer(2n);
    else await one.transport.close();
    two.proxy.breakAll();
    await until(() => !isConnected(one));
    const before = failures(one);
    await clock.sleep(300);
    expect(failures(one)).toBe(before);
  });

  it('opens nothing where streams are switched off', async () => {
    const [one] = await net.pair({ streams: false });
    await clock.sleep(200);
    expect(isConnected(one)).toBe(false);
  });
});
