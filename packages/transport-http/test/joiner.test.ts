/** A joining member has no membership, so it connects back to every node that reaches it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { messageOf, Net, until } from './support.ts';

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

it('a joiner hears that the member which has found it refuses it', async () => {
  const joiner = await net.add(2n);
  const refusing = { admit: () => 'other-cluster' as const };
  await net.add(1n, { handler: refusing, peers: [{ id: 2n, address: joiner.address }] });
  await until(() => joiner.refusedBy.includes(1n));
  expect(joiner.received).toEqual([]);
});

it('a joiner has a way to the member that has found it before it has anything to say', async () => {
  const joiner = await net.add(2n);
  const member = await net.add(1n, { peers: [{ id: 2n, address: joiner.address }] });
  await until(() => joiner.transport.stats().some(({ isConnected }) => isConnected));
  joiner.transport.send([messageOf(2n, 1n, 'at once')]);
  await until(() => member.texts.includes('at once'));
});

it('a member that knows others connects to nobody that it was not told of', async () => {
  const member = await net.add(2n);
  const other = await net.add(3n);
  member.transport.setPeer({ id: 3n, address: other.address });
  const stranger = await net.add(1n, { peers: [{ id: 2n, address: member.address }] });
  await until(() => stranger.transport.stats().some(({ isConnected }) => isConnected));
  stranger.transport.send([messageOf(1n, 2n, 'hello')]);
  await until(() => member.texts.includes('hello'));
  expect(member.transport.stats().find(({ id }) => id === 1n)?.connections ?? 0).toBe(0);
});
