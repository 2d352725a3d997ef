/** The recovery of a survivor whose term is so high that no election can follow. */
import { EntryType } from '@babuza/raftpb';
import { walBackend } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrapRaftCluster, defaultBabuzaConfig } from '../src/index.ts';
import { bytesOf, ListMachine, World, type Member } from './support.ts';

let world: World;

beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const lastTerm = 2 ** 53 - 1;

/** A cluster of three that has applied two proposals and was stopped; returns its former leader. */
async function stoppedCluster(): Promise<Member> {
  await world.startAll(3);
  const leader = await world.leader();
  for (const text of ['a', 'b']) await world.until(leader.raft.propose(bytesOf(text)));
  await world.pass(1000);
  for (const { raft } of world.members.values()) await world.until(raft.shutdown());
  return leader;
}

/** The traces of a message with such a term in the log of a member, perhaps with an entry. */
async function damage({ store }: Member, term: number, entryTerm?: number): Promise<void> {
  const manager = await walBackend.open('/memory', { store });
  const { wal, storage, hardState } = await manager.replayWal();
  const entry = { index: storage.lastIndex() + 1, term: entryTerm ?? 0, type: EntryType.Normal };
  await wal.save({
    hardState: { term, vote: 0n, commit: hardState.commit },
    entries: entryTerm === undefined ? [] : [entry],
  });
  await manager.close();
}

describe('a recovery by one survivor', () => {
  it.each([
    [lastTerm, undefined],
    [lastTerm, lastTerm],
    [2 ** 52 + 1, undefined],
    [2 ** 32, 2 ** 31],
    [2 ** 28 + 1, undefined],
  ])('of term %d with an entry of term %s goes on in a low term', async (term, entryTerm) => {
    const survivor = await stoppedCluster();
    await damage(survivor, term, entryTerm);
    const { nodeId } = survivor.raft;
    world.members.clear();
    const alone = await world.until(world.start(nodeId, 'alone', survivor));
    await world.until(alone.raft.waitForLeader());
    await world.until(alone.raft.propose(bytesOf('c')));
    expect(alone.machine.texts).toEqual(['a', 'b', 'c']);
    expect(alone.raft.status().term).toBeLessThan(100);
    const { members, removed, identity } = alone.raft.clusterInfo();
    expect(members.map(({ id, role }) => [id, role])).toEqual([[nodeId, 'voter']]);
    expect(removed).toHaveLength(2);
    expect(identity.previous).toHaveLength(1);
    const again = await world.restart(nodeId);
    await world.until(again.raft.waitForLeader());
    expect(again.raft.clusterInfo().identity).toEqual(identity);
    await world.start(9n, undefined);
    await world.until(again.raft.addVotingPeer({ id: 9n, address: 'address-9' }));
    await world.until(again.raft.propose(bytesOf('d')));
    await world.pass(1000);
    expect(world.member(9n).machine.texts).toEqual(['a', 'b', 'c', 'd']);
  });

  it('of a term that elections can have led to keeps its log and its history', async () => {
    const survivor = await stoppedCluster();
    await damage(survivor, 2 ** 28);
    const { nodeId } = survivor.raft;
    world.members.clear();
    const alone = await world.until(world.start(nodeId, 'alone', survivor));
    await world.until(alone.raft.waitForLeader());
    expect(alone.raft.status().term).toBeGreaterThan(2 ** 28);
  });

  it('that a crash ends between its two steps is made again, and goes on', async () => {
    const survivor = await stoppedCluster();
    await damage(survivor, lastTerm);
    const { nodeId } = survivor.raft;
    world.members.clear();
    world.faults.save = new Error('the power went');
    await expect(world.until(world.start(nodeId, 'alone', survivor))).rejects.toThrow('the power');
    world.faults.save = undefined;
    const { store, snapshots } = survivor;
    // The files have no snapshot record, so a start that is not a recovery finds the log as it was.
    const manager = await walBackend.open('/memory', { store });
    expect((await manager.replayWal()).hardState.term).toBe(lastTerm);
    await manager.close();
    const alone = await world.until(world.start(nodeId, 'alone', { store, snapshots }));
    await world.until(alone.raft.waitForLeader());
    await world.until(alone.raft.propose(bytesOf('c')));
    expect(alone.machine.texts).toEqual(['a', 'b', 'c']);
    const { identity } = alone.raft.clusterInfo();
    const again = await world.restart(nodeId);
    await world.until(again.raft.waitForLeader());
    expect(again.machine.texts).toEqual(['a', 'b', 'c']);
    expect(again.raft.clusterInfo().identity).toEqual(identity);
  });
});

it('a cluster that begins with an export of the last term begins in term 1', async () => {
  const survivor = await stoppedCluster();
  await damage(survivor, lastTerm, lastTerm);
  const manager = await walBackend.open('/memory', { store: survivor.store });
  const { wal, storage } = await manager.replayWal();
  const commit = storage.lastIndex();
  await wal.save({ hardState: { term: lastTerm, vote: 0n, commit } });
  await manager.close();
  const { nodeId } = survivor.raft;
  world.members.clear();
  const damaged = await world.until(world.start(nodeId, undefined, survivor));
  await world.pass(1000);
  await world.until(damaged.raft.manualSnapshot());
  const chunks: Uint8Array[] = [];
  const copy = async (): Promise<void> => {
    for await (const chunk of damaged.raft.exportSnapshot()) chunks.push(chunk);
  };
  await world.until(copy());
  const machine = new ListMachine();
  const peers = [{ id: 1n, address: 'address-1' }];
  const config = defaultBabuzaConfig(1, 1, 'address-1');
  const stream = async function* (): AsyncGenerator<Uint8Array, void, void> {
    yield* chunks;
  };
  const component = await new World().component(1n, { clock: world.clock });
  const raft = await bootstrapRaftCluster(config, peers, machine, component, {
    snapshot: stream(),
  });
  await world.until(raft.waitForLeader());
  expect([raft.status().term < 10, machine.texts]).toEqual([true, ['a', 'b']]);
  await world.until(raft.shutdown());
});
