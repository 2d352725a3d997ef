/**
 * Callers at a node whose leadership ends while they wait, or has ended before the node learns of
 * it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, World, type Member } from './support.ts';

let world: World;

afterEach(() => world.close());

/**
 * The old leader at the moment when its core knows the new one and the rest of the node does not.
 */
async function justDeposed(): Promise<Member> {
  world = new World({ forwardProposals: true });
  await world.startAll(3);
  const old = await world.leader();
  await world.until(old.raft.propose(bytesOf('a')));
  world.wire.cut.add(old.raft.nodeId);
  const others = [...world.members.values()].filter((member) => member !== old);
  while (!others.some(({ raft }) => raft.status().role === 'leader')) await world.pass(10);
  world.wire.cut.clear();
  for (let step = 0; step < 1000; step += 1) {
    const { leader } = old.raft.status();
    if (leader !== 0n && leader !== old.raft.nodeId) return old;
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    world.clock.fireNext();
  }
  throw new Error('it hears of no other leader');
}

describe('a leader whose core has heard of another one', () => {
  it('refuses a change of the membership, and does not forward it', async () => {
    const { raft } = await justDeposed();
    const change = raft.addLearner({ id: 9n, address: 'address-9' });
    const ended = await world.until(change.catch((error: unknown) => error));
    await world.pass(2000);
    const isMember = (await world.leader()).raft.clusterInfo().members.some(({ id }) => id === 9n);
    const code = ended instanceof Error ? Reflect.get(ended, 'code') : 'changed';
    expect([code, isMember]).toEqual(['RAFT_NOT_LEADER', false]);
  });
});

describe('a leader that is removed', () => {
  it('answers every caller: a proposal behind its removal may be applied or not', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const calls: Promise<unknown>[] = [raft.removePeer(raft.nodeId)];
    for (let at = 0; at < 20; at += 1) {
      calls.push(raft.propose(bytesOf(`t${at}`)), raft.barrier());
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      world.clock.fireNext();
    }
    const ends = Promise.allSettled(calls);
    await world.pass(20_000);
    const settled = await Promise.race([ends, Promise.resolve('somebody waits for ever')]);
    expect(settled).not.toBe('somebody waits for ever');
  });
});
