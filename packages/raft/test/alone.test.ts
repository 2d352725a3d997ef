/**
 * Recovery as the only member: the membership changes that it needs, and the snapshot that it
 * begins with.
 */
import { emptyConfState } from '@babuza/raftpb';
import { SeededRandom } from '@babuza/testkit';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adoptedSnapshot } from '../src/start/adopted-snapshot.ts';
import { defaultBabuzaConfig, recoverAsStandalone, type Raft } from '../src/index.ts';
import type { TransportHandler } from '../src/ports/index.ts';
import { changedMembership, firstMembership } from '../src/membership/membership.ts';
import { operationsToBeAlone } from '../src/start/operations-to-be-alone.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { bytesOf, ListMachine, MapSnapshots, PlainSessions, World } from './support.ts';

describe('the changes after which a node is the only member', () => {
  const membership = firstMembership([
    { id: 1n, address: 'a' },
    { id: 2n, address: 'b' },
    { id: 3n, address: 'c', role: 'learner' },
  ]);

  it.each([
    ['a voter', 1n, 'a'],
    ['a voter that has the address of one that is gone', 1n, 'b'],
    ['a voter at a new address', 2n, 'd'],
    ['a learner', 3n, 'c'],
    ['a learner that has the address of one that is gone', 3n, 'a'],
    ['no member yet', 9n, 'd'],
  ])('can be made one after the other: it was %s', (_, id, address) => {
    const config = defaultBabuzaConfig(1, id, address);
    let alone = membership;
    for (const operation of operationsToBeAlone(config, membership)) {
      const next = changedMembership(alone, [operation]);
      if (typeof next === 'string') throw new Error(next);
      alone = next;
    }
    expect([...alone.members.values()]).toEqual([{ id, address, role: 'voter', services: {} }]);
  });
});

describe('a survivor without a log', () => {
  let snapshots: MapSnapshots;

  beforeEach(async () => {
    snapshots = new MapSnapshots();
    const confState = { ...emptyConfState, voters: [1n] };
    for (const index of [5, 9]) {
      const nodePart = new ReplicatedState(new PlainSessions()).encode();
      await snapshots.create({ index, term: 1, confState }, async (files) => {
        await files.writeFile('node.json', [nodePart]);
      });
    }
  });

  it('goes on from the newest snapshot', async () => {
    expect((await adoptedSnapshot(snapshots)).metadata.index).toBe(9);
  });

  it('goes on from the one before where the newest is damaged', async () => {
    snapshots.damaged.add(9);
    expect((await adoptedSnapshot(snapshots)).metadata.index).toBe(5);
  });

  it('is refused when all are damaged', async () => {
    for (const index of [5, 9]) snapshots.damaged.add(index);
    await expect(adoptedSnapshot(snapshots)).rejects.toMatchObject({ code: 'RAFT_NO_LOG' });
  });
});

describe('a recovery', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  it('announces the new identity from its first message on', async () => {
    await world.startAll(2);
    const survivor = await world.leader();
    await world.until(survivor.raft.propose(bytesOf('a')));
    const { identity } = survivor.raft.clusterInfo();
    for (const { raft } of world.members.values()) await world.until(raft.shutdown());
    world.members.clear();
    const told: string[] = [];
    const { nodeId } = survivor.raft;
    const transport = world.wire.transport(nodeId);
    const start = transport.start.bind(transport);
    transport.start = async (handler: TransportHandler, group) => {
      told.push(handler.introduction());
      await start(handler, group);
    };
    const starting = world.start(nodeId, 'alone', survivor, {}, undefined, { transport });
    await world.until(starting);
    const { birth } = JSON.parse(told[0] ?? '');
    expect(birth).toMatch(/^[0-9a-f]{32}$/);
    expect(birth).not.toBe(identity.birth);
  });

  it('from snapshots can be made again where it ended before its first record was written', async () => {
    const { raft, snapshots } = await world.start(1n, [{ id: 1n, address: 'address-1' }]);
    await world.until(raft.waitForLeader());
    await world.until(raft.propose(bytesOf('a')));
    await world.until(raft.manualSnapshot());
    await world.until(raft.shutdown());
    world.members.clear();
    const store = new MemoryStore();
    const recover = async (fails: boolean): Promise<Raft<undefined, string[]>> => {
      const walManager = await walBackend.open('/memory', { store });
      if (fails) walManager.writeIdentity = () => Promise.reject(new Error('a power cut'));
      // By default the random numbers are seeded with the id, and both logs would get the same log
      // id.
      const random = new SeededRandom(77);
      const transport = world.wire.transport(1n);
      const parts = { walManager, snapshotManager: snapshots, random, transport };
      return recoverAsStandalone(
        defaultBabuzaConfig(1, 1, 'address-1'),
        new ListMachine(),
        await world.component(1n, parts),
        { adoptSnapshots: true },
      );
    };
    await expect(world.until(recover(true))).rejects.toThrow('a power cut');
    const again = await world.until(recover(false));
    await world.until(again.waitForLeader());
    expect(await world.until(again.staleRead(undefined))).toEqual(['a']);
    await world.until(again.shutdown());
  });
});

it('a start that finds its newest snapshot damaged goes on from the one before', async () => {
  const world = new World({ snapshotsKept: 2 });
  const { raft, snapshots } = await world.start(1n, [{ id: 1n, address: 'address-1' }]);
  await world.until(raft.waitForLeader());
  const places: number[] = [];
  for (const text of ['a', 'b']) {
    await world.until(raft.propose(bytesOf(text)));
    places.push((await world.until(raft.manualSnapshot())).index);
  }
  snapshots.damaged.add(places[1] ?? 0);
  const again = await world.restart(1n);
  expect(again.raft.status().snapshot?.index).toBe(places[0]);
  await world.until(again.raft.waitForLeader());
  await world.until(again.raft.propose(bytesOf('c')));
  expect(again.machine.texts).toEqual(['a', 'b', 'c']);
  expect(world.logged('warn', 'a snapshot is missing or damaged')).toHaveLength(1);
  await world.close();
});
