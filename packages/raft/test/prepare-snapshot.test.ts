/**
 * The content of a snapshot is fixed between two entries while the state goes on to change, even
 * when `prepareSnapshot` is asynchronous.
 */
import { SeededRandom } from '@babuza/testkit';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { expect, it } from 'vitest';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type ConcurrentStateMachine,
  type Raft,
} from '../src/index.ts';
import { bytesOf, MapSnapshots, newGate, PlainSessions, textOf, World } from './support.ts';

const texts: string[] = [];

async function start(
  world: World,
  snapshots: MapSnapshots,
  prepareSnapshot: () => unknown,
): Promise<Raft> {
  texts.length = 0;
  const machine: ConcurrentStateMachine = {
    kind: 'concurrent',
    apply: (entries) => entries.map(({ data }) => void texts.push(textOf(data))),
    query: () => undefined,
    prepareSnapshot,
    saveSnapshot: async (prepared, writer) => writer.write(bytesOf(String(await prepared))),
    restoreSnapshot: async () => undefined,
    close: () => undefined,
  };
  const raft = await bootstrapRaftCluster(
    defaultBabuzaConfig(1, 1, 'a'),
    [{ id: 1n, address: 'a' }],
    machine,
    {
      clusterId: 1n,
      walManager: await walBackend.open('/memory', { store: new MemoryStore() }),
      snapshotManager: snapshots,
      sessionManager: new PlainSessions(),
      transport: world.wire.transport(1n),
      clock: world.clock,
      random: new SeededRandom(1),
    },
  );
  await world.until(raft.waitForLeader());
  return raft;
}

it('a state that is fixed asynchronously holds nothing from behind its index', async () => {
  const world = new World();
  const gate = newGate();
  const snapshots = new MapSnapshots();
  const raft = await start(world, snapshots, async () => {
    await gate.passed;
    return texts.join(' ');
  });
  const { index } = await world.until(raft.propose(bytesOf('before')));
  const snapshot = raft.manualSnapshot();
  const behind = raft.propose(bytesOf('behind'));
  await world.pass(1000);
  gate.open();
  await world.until(Promise.all([snapshot, behind]));
  const stored = snapshots.stored.find((each) => each.snapshot.metadata.index === index);
  expect(textOf(stored?.files.get('state'))).toBe('before');
  await world.until(raft.shutdown());
});

it('a state that cannot be fixed costs the snapshot, and nothing else', async () => {
  const world = new World();
  const raft = await start(world, new MapSnapshots(), async () => {
    throw new Error('not now');
  });
  await world.until(raft.propose(bytesOf('before')));
  await expect(world.until(raft.manualSnapshot())).rejects.toThrow('not now');
  await world.until(raft.propose(bytesOf('behind')));
  expect(texts).toEqual(['before', 'behind']);
  await world.until(raft.shutdown());
});
