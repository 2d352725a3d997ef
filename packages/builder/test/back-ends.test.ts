/**
 * Operation of a cluster on each log and a real disk: members join, move, leave and restart, and
 * the cluster survives the loss of members.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { BabuzaWal, ETCDWal, LevelWalDisk, LevelWalMemory, PebbleWalDisk } from '../src/index.ts';
import { eventually, RealCluster } from './real-cluster.ts';
import type { NetworkKind } from './real-network.ts';

let cluster: RealCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

/** Starts three members and commits some values. */
async function begun(
  walTypeOf: (id: bigint) => string,
  network: NetworkKind,
): Promise<RealCluster> {
  const begins = new RealCluster(walTypeOf, network);
  cluster = begins;
  await Promise.all([1n, 2n, 3n].map((id) => begins.start(id)));
  await begins.put('first', 60);
  await begins.agree();
  return begins;
}

const roles = (of: RealCluster, id: bigint): string =>
  of
    .node(id)
    .raft.clusterInfo()
    .members.map((member) => `${member.id} ${member.role}`)
    .join(', ');

const mixed = (id: bigint): string =>
  [BabuzaWal, ETCDWal, LevelWalDisk][Number(id) % 3] ?? BabuzaWal;

const kinds: [
  name: string,
  walTypeOf: (id: bigint) => string,
  durable: boolean,
  network: NetworkKind,
][] = [
  [BabuzaWal, () => BabuzaWal, true, 'memory'],
  [ETCDWal, () => ETCDWal, true, 'memory'],
  [LevelWalDisk, () => LevelWalDisk, true, 'memory'],
  [`${LevelWalDisk} under the name of ${PebbleWalDisk}, beside others`, mixed, true, 'memory'],
  [LevelWalMemory, () => LevelWalMemory, false, 'memory'],
  [`${BabuzaWal}, over HTTP`, () => BabuzaWal, true, 'http'],
  ['different logs, over HTTP', mixed, true, 'http'],
];

describe.each(kinds)('a cluster on %s', (_, walTypeOf, durable, network) => {
  it('grows by a learner that is promoted, moves, and shrinks', async () => {
    const grown = await begun(walTypeOf, network);
    const address = await grown.addressOf(4n);
    await grown.atLeader((raft) => raft.addLearner({ id: 4n, address }));
    await grown.start(4n, 'join');
    // The member has received a snapshot: its log no longer begins at the first entry.
    await grown.agree();
    await grown.atLeader((raft) => raft.promoteLearner(4n));
    await grown.agree();
    expect(roles(grown, 4n)).toBe('1 voter, 2 voter, 3 voter, 4 voter');
    await grown.atLeader((raft) => raft.transferLeader(4n).catch(() => undefined));
    await grown.atLeader((raft) => raft.removePeer(1n));
    await grown.stop(1n);
    await grown.put('second', 20);
    await grown.agree();
    expect(roles(grown, 2n)).toBe('2 voter, 3 voter, 4 voter');
    for (const id of [2n, 3n, 4n]) {
      expect(await grown.node(id).raft.read('second-19')).toBe('value 19');
    }
  });

  it('a second snapshot at the same place is answered with the first', async () => {
    const { raft } = (await begun(walTypeOf, network)).node(2n);
    const applied = raft.status().appliedIndex;
    const { index } = await raft.manualSnapshot();
    expect(index).toBeGreaterThanOrEqual(applied);
    expect(await raft.manualSnapshot()).toMatchObject({ index });
  });

  it.runIf(durable)('gives the log behind snapshots back, and helps a late follower', async () => {
    const compacted = await begun(walTypeOf, network);
    const { index } = await compacted.node(2n).raft.manualSnapshot();
    const late = (await compacted.leader()).id === 3n ? 2n : 3n;
    const { lastIndex } = compacted.node(late).raft.status();
    await compacted.stop(late);
    await compacted.put('while-away', 200);
    const { id } = await compacted.leader();
    // On a disk that is slow at snapshots, fewer of them are made for the same entries.
    await eventually('a purged log', async () => {
      await compacted.put('more', 10);
      const { firstIndex } = compacted.node(id).raft.status();
      return firstIndex > Math.max(index, lastIndex + 1) ? true : undefined;
    });
    const { raft } = await compacted.start(late);
    await compacted.agree();
    // Its log has a gap that a snapshot has closed.
    expect(raft.status().firstIndex).toBeGreaterThan(lastIndex + 1);
    expect(await raft.read('while-away-199')).toBe('value 199');
  });

  it.runIf(durable)('restarts one after the other, and a member elsewhere', async () => {
    const restarted = await begun(walTypeOf, network);
    for (const id of [1n, 2n, 3n]) {
      await restarted.stop(id);
      await restarted.put(`without-${id}`, 10);
      await restarted.start(id);
      await restarted.agree();
    }
    const address = await restarted.addressOf(2n, 'elsewhere');
    await restarted.atLeader((raft) => raft.updatePeer({ id: 2n, address }));
    await restarted.stop(2n);
    await restarted.start(2n, 'peers', 'elsewhere');
    await restarted.put('after', 10);
    await restarted.agree();
    expect(await restarted.node(2n).raft.read('without-2-9')).toBe('value 9');
  });

  it.runIf(durable)('survives in one member when the others are gone for good', async () => {
    const lost = await begun(walTypeOf, network);
    for (const id of [1n, 2n, 3n]) await lost.stop(id);
    const { raft } = await lost.start(3n, 'alone');
    expect(
      await eventually('the survivor', () => raft.read('first-59').catch(() => undefined)),
    ).toBe('value 59');
    expect(roles(lost, 3n)).toBe('3 voter');
    await lost.put('alone', 10);
    expect(await raft.read('alone-9')).toBe('value 9');
  });
});
