/**
 * A start whose components do not fit together is refused with the reason; peers that have no
 * effect are logged in one line.
 */
import { afterEach, describe, expect, it } from 'vitest';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  recoverAsStandalone,
  type PeersConfiguration,
} from '../src/index.ts';
import { ListMachine, MapSnapshots, World, type Disk } from './support.ts';
import { MemoryStore } from '@babuza/wal-memory';
import { bytesOf } from './support.ts';

let world: World;

afterEach(() => world.close());

const own = { id: 1n, address: 'address-1' };
const newDisk = (): Disk => ({ store: new MemoryStore(), snapshots: new MapSnapshots() });

describe('the address of this node', () => {
  it.each(['address-1 ', 'http://address-1', 'Address-1', 'localhost'])(
    'that is spelt %o in the peers is refused before anything is written',
    async (address) => {
      world = new World();
      const disk = newDisk();
      await expect(world.start(1n, [{ id: 1n, address }], disk)).rejects.toMatchObject({
        code: 'RAFT_CONFIG',
        message: expect.stringContaining(`'${address}' in peers`),
      });
      await world.start(1n, [own], disk);
      const { raft } = await world.leader();
      expect(raft.clusterInfo().members).toMatchObject([own]);
    },
  );

  it.each([
    ['bootstrapRaftCluster', bootstrapWith],
    ['joinRaftCluster', joinRaftCluster],
    ['recoverAsStandalone', recoverAsStandalone],
  ])('that the transport has otherwise is refused by %s', async (_, start) => {
    world = new World();
    const transport = { ...world.wire.transport(1n), address: 'address-one' };
    const component = await world.component(1n, { transport });
    const machine = new ListMachine();
    const starting = start(defaultBabuzaConfig(1, 1, 'address-1'), machine, component);
    await expect(starting).rejects.toMatchObject({
      code: 'RAFT_CONFIG',
      message: expect.stringContaining("'address-one' in its transport"),
    });
    expect(machine.closed).toBe(1);
  });

  it('that the transport has as well is fine', async () => {
    world = new World();
    const transport = { ...world.wire.transport(1n), address: 'address-1' };
    const component = await world.component(1n, { transport });
    const config = defaultBabuzaConfig(1, 1, 'address-1');
    const raft = await bootstrapWith(config, new ListMachine(), component);
    await world.until(raft.waitForLeader());
    await world.until(raft.shutdown());
  });
});

function bootstrapWith(
  ...[config, machine, component]: Parameters<typeof joinRaftCluster<undefined, string[]>>
): ReturnType<typeof joinRaftCluster<undefined, string[]>> {
  return bootstrapRaftCluster(config, [own], machine, component);
}

describe('entryBytesMax', () => {
  it.each([
    ['smaller', 2048],
    ['larger', 8192],
  ])('that is %s than that of the log is refused, and names the way out', async (_, changed) => {
    world = new World({ entryBytesMax: 4096 });
    const { raft, ...disk } = await world.start(1n, [own]);
    await world.until(raft.waitForLeader());
    await world.until(raft.shutdown());
    world.configs.set(1n, { entryBytesMax: changed });
    await expect(world.start(1n, [own], disk)).rejects.toMatchObject({
      code: 'RAFT_CONFIG',
      message: expect.stringMatching(
        new RegExp(`${changed} in the configuration and 4096 in the log.*exported snapshot`),
      ),
    });
    await expect(world.start(1n, undefined, disk)).rejects.toMatchObject({ code: 'RAFT_CONFIG' });
    world.configs.clear();
    await world.until(world.start(1n, [own], disk));
  });

  it('is another one in a cluster that begins with an exported snapshot', async () => {
    world = new World({ entryBytesMax: 4096 });
    const { raft } = await world.start(1n, [own]);
    await world.until(raft.waitForLeader());
    await world.until(raft.propose(bytesOf('kept')));
    const exported: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of raft.exportSnapshot()) exported.push(chunk.slice());
    })();
    await world.until(reading);
    const large = new Uint8Array(6000).fill(97);
    await expect(world.until(raft.propose(large))).rejects.toMatchObject({
      code: 'RAFT_TOO_LARGE',
    });
    await world.until(raft.shutdown());
    world.configs.set(1n, { entryBytesMax: 8192 });
    const snapshot = (async function* () {
      yield* exported;
    })();
    const next = await world.start(1n, [own], newDisk(), { snapshot });
    await world.until(next.raft.waitForLeader());
    await world.until(next.raft.propose(large));
    expect(next.machine.texts).toEqual(['kept', 'a'.repeat(6000)]);
  });
});

describe('peers at a restart', () => {
  const told = (): unknown[] => world.logged('info', 'peers differ');
  const first: PeersConfiguration = [own, { id: 2n, address: 'address-2', role: 'learner' }];

  async function startTwice(again: unknown, snapshots = 0): Promise<void> {
    world = new World({ compactionMargin: 0, snapshotsKept: 2 });
    const { raft, ...disk } = await world.start(1n, first);
    await world.until(raft.waitForLeader());
    for (let at = 0; at < snapshots; at += 1) {
      await world.until(raft.propose(bytesOf(`${at}`)));
      await world.until(raft.manualSnapshot());
    }
    await world.until(raft.shutdown());
    // A program without a type checker may pass any value.
    await world.until(world.start(1n, Object(again), disk));
  }

  it.each([
    ['the same', first],
    ['the same, in another order and with the default role', [first[1], { ...own, role: 'voter' }]],
  ])('that are %s are not told', async (_, again) => {
    await startTwice(again);
    expect(told()).toEqual([]);
    await world.close();
    await startTwice(again, 4);
    expect(
      world
        .member(1n)
        .snapshots.list()
        .every(({ metadata }) => metadata.index > 1),
    ).toBe(true);
    expect(told()).toEqual([]);
  });

  it.each([
    ['one less', [own]],
    ['another address', [own, { id: 2n, address: 'address-3', role: 'learner' }]],
    ['another role', [own, { id: 2n, address: 'address-2' }]],
    ['the own address spelt otherwise', [{ id: 1n, address: 'a' }, first[1]]],
    ['none', []],
    ['no list', 'address-1'],
    ['nonsense', [null, 7]],
  ])('that have %s are told in one line, and have no effect', async (_, again) => {
    for (const snapshots of [0, 4]) {
      await startTwice(again, snapshots);
      expect(told()).toHaveLength(1);
      const { members } = world.member(1n).raft.clusterInfo();
      expect(members.map(({ address }) => address)).toEqual(['address-1', 'address-2']);
      await world.close();
    }
  });
});
