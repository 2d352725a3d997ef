/** The snapshot that a cluster begins with, beside files of an earlier start or another log. */
import { emptyConfState } from '@babuza/raftpb';
import { MemoryStore } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, MapSnapshots, World } from './support.ts';

const peers = [{ id: 1n, address: 'address-1' }];

let world: World;

beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

/** A folder with one snapshot, whose log is lost. */
async function folderWith(index: number, term: number): Promise<MapSnapshots> {
  const snapshots = new MapSnapshots();
  const confState = { ...emptyConfState, voters: [1n] };
  await snapshots.create({ index, term, confState }, async (files) => {
    await files.writeFile('state', [bytesOf('acknowledged')]);
  });
  return snapshots;
}

describe('a first start', () => {
  it.each([
    [7, 3],
    [2, 1],
    [1, 2],
  ])(
    'beside a snapshot at index %i of term %i is refused, and changes nothing',
    async (index, term) => {
      const snapshots = await folderWith(index, term);
      const starting = world.start(1n, peers, { store: new MemoryStore(), snapshots });
      await expect(world.until(starting)).rejects.toMatchObject({ code: 'RAFT_LOG_LOST' });
      expect(snapshots.list().map(({ metadata }) => [metadata.index, metadata.term])).toEqual([
        [index, term],
      ]);
    },
  );

  /** A start that ends when its first snapshot is durable, and before its log holds anything. */
  async function interrupted(): Promise<MapSnapshots> {
    const snapshots = new MapSnapshots();
    world.faults.save = new Error('a power cut');
    const starting = world.start(1n, peers, { store: new MemoryStore(), snapshots });
    await expect(world.until(starting)).rejects.toThrow('a power cut');
    world.faults.save = undefined;
    expect(snapshots.list().map(({ metadata }) => metadata.index)).toEqual([1]);
    // The record is written after the snapshot, so a crash may have come between.
    snapshots.identity = undefined;
    return snapshots;
  }

  it('uses the snapshot that one with the same members has left', async () => {
    const snapshots = await interrupted();
    const { raft } = await world.start(1n, peers, { store: new MemoryStore(), snapshots });
    await world.until(raft.waitForLeader());
    await world.until(raft.propose(bytesOf('a')));
  });

  it('is refused where one with other members has left its snapshot', async () => {
    const snapshots = await interrupted();
    const others = [...peers, { id: 2n, address: 'address-2' }];
    const starting = world.start(1n, others, { store: new MemoryStore(), snapshots });
    await expect(world.until(starting)).rejects.toMatchObject({
      code: 'RAFT_STATE_UNREADABLE',
      message: expect.stringContaining('other members or another state'),
    });
  });

  it('makes the snapshot anew where that of an earlier one is damaged', async () => {
    const snapshots = await interrupted();
    snapshots.damaged.add(1);
    const others = [...peers, { id: 2n, address: 'address-2', role: 'learner' as const }];
    const { raft } = await world.start(1n, others, { store: new MemoryStore(), snapshots });
    await world.until(raft.waitForLeader());
    expect(raft.clusterInfo().members.map(({ id }) => id)).toEqual([1n, 2n]);
  });
});
