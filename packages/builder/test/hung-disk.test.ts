/**
 * Hanging and slow disks in a cluster on the native log with active clients. The election timeout
 * is 200 ms.
 */
import { describe, expect, it } from 'vitest';
import { ScriptedCluster } from './scripted-cluster.ts';

const electionTimeoutMs = 200;

describe('a disk that hangs', () => {
  it.each([3, 5])('of the leader of %i: the others go on with its clients', async (memberCount) => {
    const cluster = new ScriptedCluster({ memberCount });
    await cluster.start();
    await cluster.pass(500);
    const old = await cluster.leader();
    old.hangDisk();
    const next = await cluster.leader(cluster.others(old).map(({ id }) => id));
    await cluster.pass(electionTimeoutMs);
    const before = cluster.acknowledged;
    await cluster.pass(3000);
    expect(cluster.acknowledged).toBeGreaterThan(before + 10);
    expect(cluster.node(old.id).readiness()).toMatchObject({ ready: false });
    expect(cluster.node(next.id).status().role).toBe('leader');
    old.releaseDisk();
    await cluster.pass(500);
    expect(cluster.node(old.id).readiness()).toEqual({ ready: true });
    expect((await cluster.leader()).id).toBe(next.id);
    await cluster.expectSettled();
  });

  it('of one leader after the other, also of two at a time: it goes on as soon as a quorum can', async () => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    await cluster.pass(500);
    const first = await cluster.leader();
    first.hangDisk();
    const second = await cluster.leader(cluster.others(first).map(({ id }) => id));
    second.hangDisk();
    await cluster.pass(10 * electionTimeoutMs);
    const before = cluster.acknowledged;
    first.releaseDisk();
    await cluster.pass(10 * electionTimeoutMs);
    expect(cluster.acknowledged).toBeGreaterThan(before + 10);
    second.releaseDisk();
    await cluster.expectSettled();
  });

  it('of a follower: the leader stays', async () => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    await cluster.pass(500);
    const leader = await cluster.leader();
    const { term } = cluster.node(leader.id).status();
    const [away] = cluster.others(leader);
    away?.hangDisk();
    const before = cluster.acknowledged;
    await cluster.pass(3000);
    expect(cluster.acknowledged).toBeGreaterThan(before + 10);
    expect(cluster.node(leader.id).status()).toMatchObject({ role: 'leader', term });
    away?.releaseDisk();
    await cluster.expectSettled();
  });
});

describe('disks that are slow everywhere', () => {
  it.each([1, 2, 3])(
    'by chance, above and below the bound: seed %i makes progress',
    async (seed) => {
      const syncs = { syncMsMax: 0.9 * electionTimeoutMs, stallShare: 0, stallMs: 0 };
      const cluster = new ScriptedCluster({ syncs }, seed);
      await cluster.start();
      let changes = 0;
      for (const { incarnation } of cluster.members) {
        incarnation?.raft.subscribe(({ type }) => {
          if (type === 'leadership-acquired') changes += 1;
        });
      }
      await cluster.pass(10_000);
      const [before, changesBefore] = [cluster.acknowledged, changes];
      await cluster.pass(10_000);
      expect(cluster.acknowledged).toBeGreaterThan(before + 100);
      expect(changes - changesBefore).toBeLessThanOrEqual(5);
      await cluster.expectSettled();
    },
  );
});
