/**
 * Commit indexes that the log of a member does not reach. The core of etcd panics on one. Here no
 * message stops a node, and a member that has lost entries has no vote.
 */
import { MessageType, newMessage } from '@babuza/raftpb';
import { MemoryStore } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RaftEvent } from '../src/index.ts';
import { bytesOf, MapSnapshots, World, type Member } from './support.ts';

let world: World;

beforeEach(async () => {
  world = new World();
  await world.startAll(3);
});
afterEach(() => world.close());

function listen({ raft }: Member): RaftEvent[] {
  const events: RaftEvent[] = [];
  raft.subscribe((event) => events.push(event));
  return events;
}

/** A heartbeat that `from` sends to each other member. */
function claim(from: bigint, commit: number, term: number): void {
  for (const to of world.members.keys()) {
    const message = { type: MessageType.Heartbeat, from, to, term, commit };
    if (to !== from) world.wire.repeat(from, newMessage(message));
  }
}

async function write(text: string): Promise<void> {
  const { raft } = await world.leader();
  await world.until(raft.propose(bytesOf(text)));
  await world.pass(500);
}

describe('a heartbeat with a commit index above the log', () => {
  it('of the leader is refused and told, and the members go on, with their votes', async () => {
    await write('a');
    const leader = await world.leader();
    const { nodeId } = leader.raft;
    const { lastIndex, term } = leader.raft.status();
    const events = listen(await world.follower());
    for (const commit of [lastIndex + 1, lastIndex + 1000, 2 ** 53 - 1])
      claim(nodeId, commit, term);
    await world.pass(500);
    expect(events).toMatchObject([{ type: 'message-refused', member: nodeId, kind: 'commit' }]);
    await write('b');
    // The other two elect a leader without it.
    world.wire.cut.add(nodeId);
    await world.until(leader.raft.shutdown());
    world.members.delete(nodeId);
    await write('c');
    for (const { machine } of world.members.values())
      expect(machine.texts).toEqual(['a', 'b', 'c']);
  });

  it.each([0, 1])(
    'of a member that does not lead, in a term that is later by %i, is refused',
    async (later) => {
      await write('a');
      const { raft } = await world.leader();
      const { term, lastIndex } = raft.status();
      const [attacker] = await world.followers();
      claim(attacker?.raft.nodeId ?? 0n, lastIndex + 5, term + later);
      await world.pass(3000);
      await write('b');
      for (const { machine } of world.members.values()) expect(machine.texts).toEqual(['a', 'b']);
      expect((await world.leader()).raft.status().term).toBe(term);
    },
  );

  it('does not stop a member at any start, however often it comes', async () => {
    await write('a');
    const { raft } = await world.leader();
    const { nodeId } = (await world.follower()).raft;
    world.wire.loses = ({ to, type }) => to === nodeId && type === MessageType.App;
    for (let start = 0; start < 3; start += 1) {
      const member = await world.restart(nodeId);
      for (let times = 0; times < 20; times += 1) {
        claim(raft.nodeId, 1_000_000, raft.status().term);
        await world.pass(50);
      }
      expect(member.raft.status().role).toBe('follower');
    }
    world.wire.loses = () => false;
    await write('b');
    await world.pass(2000);
    expect(world.member(nodeId).machine.texts).toEqual(['a', 'b']);
  });
});

describe.each(['an empty directory', 'an older directory'])(
  'a member that returns under its id with %s',
  (kind) => {
    /** The member runs on a directory that lacks entries that it has acknowledged. */
    async function returned(): Promise<{ leader: Member; again: Member }> {
      const leader = await world.leader();
      const away = await world.follower();
      const { nodeId } = away.raft;
      const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
      if (kind === 'an older directory') {
        const peers = [1n, 2n, 3n].map((id) => ({ id, address: `address-${id}` }));
        world.wire.cut.add(nodeId);
        await world.until(away.raft.shutdown());
        const older = await world.start(nodeId, peers, disk);
        await world.until(older.raft.shutdown());
        world.wire.cut.clear();
        await world.until(world.start(nodeId, undefined, away));
      }
      for (const text of ['a', 'b', 'c']) await world.until(leader.raft.propose(bytesOf(text)));
      await world.pass(500);
      await world.until(world.member(nodeId).raft.shutdown());
      const again = await world.start(nodeId, undefined, disk);
      await world.pass(1000);
      return { leader, again };
    }

    it('goes on, has no vote, and says that the id is to be removed', async () => {
      const { leader, again } = await returned();
      const readiness = JSON.stringify(again.raft.readiness());
      expect(readiness).toMatch(/remove this id .* from the cluster/);
      expect(world.logged('warn', 'remove this id')).toHaveLength(1);
      // The two remaining members need its vote, and one of them lacks an acknowledged entry.
      const { nodeId } = leader.raft;
      await world.until(leader.raft.shutdown());
      world.members.delete(nodeId);
      world.wire.sent.length = 0;
      await world.pass(20_000);
      const own = world.wire.sent.filter(({ from }) => from === again.raft.nodeId);
      const votes = new Set([
        MessageType.Vote,
        MessageType.PreVote,
        MessageType.VoteResp,
        MessageType.PreVoteResp,
      ] as number[]);
      expect(own.filter(({ message }) => votes.has(message.type))).toEqual([]);
    });

    it('takes part again when a later leader has given it what it lacked', async () => {
      const { leader, again } = await returned();
      await world.until(leader.raft.transferLeader());
      const next = await world.leader();
      await world.until(next.raft.propose(bytesOf('d')));
      await world.pass(3000);
      expect(again.machine.texts).toEqual(['a', 'b', 'c', 'd']);
      expect(again.raft.readiness()).toEqual({ ready: true });
      await world.until(next.raft.transferLeader(again.raft.nodeId));
      await write('e');
    });
  },
);
