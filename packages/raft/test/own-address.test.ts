/**
 * A node whose address is not the one in the membership reports that. A recovery as the only member
 * takes the new address.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, World } from './support.ts';

let world: World;

afterEach(() => world.close());

const told = (): unknown[] => world.logged('warn', 'the membership has node');
const problem = (id: bigint, known: string, own: string): unknown => ({
  ready: false,
  reason: expect.stringContaining(
    `the membership has node ${id} at ${known}, and its configuration has ${own}`,
  ),
});

/** Stops all members, which then restart with other addresses. */
async function moveAll(): Promise<void> {
  for (const [id, member] of world.members) {
    await world.until(member.raft.shutdown());
    world.configs.set(id, { address: `moved-${id}` });
  }
}

describe('a node whose address is not the one in the membership', () => {
  it('says so in one line and by its readiness, while there is no leader', async () => {
    world = new World();
    await world.startAll(3);
    await world.leader();
    await world.pass(1000);
    await moveAll();
    const { raft } = await world.until(world.start(1n, undefined, world.member(1n)));
    expect(told()).toEqual([]);
    await world.pass(60_000);
    expect(told()).toHaveLength(1);
    expect(raft.readiness()).toEqual(problem(1n, 'address-1', 'moved-1'));
    expect(raft.readiness()).toMatchObject({
      reason: expect.stringContaining('no leader is known'),
    });
  });

  it('says so where there is a leader, and is ready again when the membership was changed', async () => {
    world = new World();
    await world.startAll(3);
    await world.leader();
    await world.pass(1000);
    await moveAll();
    for (const [id, member] of world.members) await world.start(id, undefined, member);
    const { raft } = await world.leader();
    await world.pass(2000);
    expect(told()).toHaveLength(3);
    for (const [id, member] of world.members) {
      expect(member.raft.readiness()).toEqual(problem(id, `address-${id}`, `moved-${id}`));
    }
    for (const id of world.members.keys()) {
      await world.until(raft.updatePeer({ id, address: `moved-${id}` }));
    }
    await world.pass(2000);
    for (const member of world.members.values()) {
      expect(member.raft.readiness()).toEqual({ ready: true });
    }
    expect(told()).toHaveLength(3);
  });

  it('says nothing where the change of its address only has to be applied', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const { nodeId } = (await world.follower()).raft;
    const away = world.member(nodeId);
    await world.until(away.raft.shutdown());
    await world.until(raft.updatePeer({ id: nodeId, address: 'moved' }));
    world.configs.set(nodeId, { address: 'moved' });
    const again = await world.start(nodeId, undefined, away);
    await world.pass(10_000);
    expect(told()).toEqual([]);
    expect(again.raft.readiness()).toEqual({ ready: true });
  });

  it('says nothing before it is a member', async () => {
    world = new World();
    const { raft } = await world.start(9n, undefined);
    await world.pass(10_000);
    expect(told()).toEqual([]);
    expect(raft.readiness()).toEqual({ ready: false, reason: 'no leader is known' });
  });
});

describe('a survivor at another address', () => {
  it('that was a learner has it, even if it was that of a voter', async () => {
    world = new World();
    const peers = [1n, 2n].map((id) => ({ id, address: `address-${id}` }));
    const learner = { id: 3n, address: 'address-3', role: 'learner' } as const;
    for (const { id } of [...peers, learner]) await world.start(id, [...peers, learner]);
    const { raft } = await world.leader();
    await world.until(raft.propose(bytesOf('a')));
    await world.pass(1000);
    await moveAll();
    world.configs.set(3n, { address: 'address-1' });
    const alone = await world.until(world.start(3n, 'alone', world.member(3n)));
    world.members.delete(1n);
    world.members.delete(2n);
    await world.until(alone.raft.waitForLeader());
    await world.until(alone.raft.propose(bytesOf('b')));
    expect(alone.machine.texts).toEqual(['a', 'b']);
    expect(alone.raft.clusterInfo()).toMatchObject({
      members: [{ id: 3n, address: 'address-1', role: 'voter' }],
    });
  });

  it.each([
    ['of its own', 'moved-1'],
    ['of a member that is gone', 'address-2'],
  ])('%s has it in the membership, and loses nothing', async (_, address) => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    for (const text of ['a', 'b']) await world.until(raft.propose(bytesOf(text)));
    await world.pass(1000);
    await moveAll();
    world.configs.set(1n, { address });
    const alone = await world.until(world.start(1n, 'alone', world.member(1n)));
    world.members.delete(2n);
    world.members.delete(3n);
    await world.until(alone.raft.waitForLeader());
    await world.until(alone.raft.propose(bytesOf('c')));
    expect(alone.machine.texts).toEqual(['a', 'b', 'c']);
    expect(alone.raft.clusterInfo()).toMatchObject({ members: [{ id: 1n, address }] });
    expect(alone.raft.readiness()).toEqual({ ready: true });
    const again = await world.restart(1n);
    await world.until(again.raft.waitForLeader());
    await world.pass(1000);
    expect(again.raft.readiness()).toEqual({ ready: true });
    expect(told()).toEqual([]);
  });
});
