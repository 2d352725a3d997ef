/**
 * All members restart with other addresses: none reaches another, each logs the reason, and the
 * procedure in docs/disaster-recovery.md works.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { BabuzaWal } from '../src/index.ts';
import { eventually, RealCluster } from './real-cluster.ts';
import type { NetworkKind } from './real-network.ts';

let cluster: RealCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

const networks: NetworkKind[] = ['memory', 'http'];

describe.each(networks)('a cluster over %s whose addresses have all changed', (network) => {
  it('says so on every member, and goes on from the furthest log with everything that was acknowledged', async () => {
    const moved = new RealCluster(() => BabuzaWal, network);
    cluster = moved;
    const ids = [1n, 2n, 3n];
    await Promise.all(ids.map((id) => moved.start(id)));
    await moved.put('kept', 30);
    await Promise.all(ids.map((id) => moved.stop(id)));

    await Promise.all(ids.map((id) => moved.start(id, 'peers', 'elsewhere')));
    for (const id of ids) {
      const { raft } = moved.node(id);
      const known = `node ${id} at ${await moved.addressOf(id)}`;
      await eventually('a reason', async () => {
        const readiness = raft.readiness();
        return !readiness.ready && readiness.reason.includes(known) ? true : undefined;
      });
    }
    // The longest log of all members has every acknowledged entry.
    const lastIndexes = ids.map((id) => moved.node(id).raft.status().lastIndex);
    const furthest = ids[lastIndexes.indexOf(Math.max(...lastIndexes))] ?? 1n;
    await Promise.all(ids.map((id) => moved.stop(id)));

    const survivor = await moved.start(furthest, 'alone', 'elsewhere');
    await survivor.raft.waitForLeader();
    await eventually('readiness', async () => (survivor.raft.readiness().ready ? true : undefined));
    expect(await survivor.raft.read('kept-29')).toBe('value 29');
    const address = await moved.addressOf(4n);
    const adding = survivor.raft.addVotingPeer({ id: 4n, address });
    adding.catch(() => undefined);
    await moved.start(4n, 'join');
    await adding;
    await moved.put('after', 10);
    await moved.agree();
    const { members } = survivor.raft.clusterInfo();
    expect(members).toMatchObject([
      { id: furthest, role: 'voter', address: await moved.addressOf(furthest, 'elsewhere') },
      { id: 4n, role: 'voter', address },
    ]);
    expect(await moved.node(4n).raft.read('kept-0')).toBe('value 0');
  });
});
