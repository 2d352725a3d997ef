/** Specific faults of a cluster of three on the native log with active clients. */
import { describe, expect, it } from 'vitest';
import { addressOf } from './cluster/incarnation.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

describe('a network', () => {
  it('one follower cut off: the others go on, and it catches up', async () => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    const [away] = cluster.others(await cluster.leader());
    if (away === undefined) throw new Error('there are three');
    cluster.network.isolate(addressOf(away.id));
    const before = cluster.acknowledged;
    await cluster.pass(2000);
    expect(cluster.acknowledged).toBeGreaterThan(before + 10);
    const { term } = cluster.node(away.id).status();
    cluster.network.heal();
    await cluster.pass(1000);
    // With pre-vote the member comes back without an election.
    expect((await cluster.leader()).incarnation?.raft.status().term).toBe(term);
    await cluster.expectSettled();
  });

  it('the leader cut off: another one leads, and what the old one could not commit is gone', async () => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    const old = await cluster.leader();
    cluster.network.isolate(addressOf(old.id));
    const next = await cluster.leader(cluster.others(old).map(({ id }) => id));
    expect(next.id).not.toBe(old.id);
    const before = cluster.acknowledged;
    await cluster.pass(2000);
    expect(cluster.acknowledged).toBeGreaterThan(before);
    // The leader has stepped down, because no quorum answers it.
    expect(old.incarnation?.raft.status().role).not.toBe('leader');
    cluster.network.heal();
    await cluster.expectSettled();
  });

  it('the majority cut off: nothing is acknowledged and nothing read, until it heals', async () => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    for (const { id } of cluster.members) cluster.network.isolate(addressOf(id));
    await cluster.pass(1000);
    const before = cluster.acknowledged;
    await cluster.pass(3000);
    expect(cluster.acknowledged).toBe(before);
    cluster.network.heal();
    await cluster.pass(2000);
    expect(cluster.acknowledged).toBeGreaterThan(before);
    await cluster.expectSettled();
  });

  it('five in two halves: the larger one goes on, the smaller one follows when it heals', async () => {
    const cluster = new ScriptedCluster({ memberCount: 5 });
    await cluster.start();
    const leader = await cluster.leader();
    const [friend, ...rest] = cluster.others(leader);
    if (friend === undefined) throw new Error('there are five');
    const addresses = (members: readonly { id: bigint }[]): string[] =>
      members.map(({ id }) => addressOf(id));
    cluster.network.partition(addresses([leader, friend]), addresses(rest));
    const next = await cluster.leader(rest.map(({ id }) => id));
    const before = cluster.acknowledged;
    await cluster.pass(2000);
    expect(cluster.acknowledged).toBeGreaterThan(before);
    cluster.network.heal();
    await cluster.pass(1000);
    expect(leader.incarnation?.raft.leader()?.id).toBe((await cluster.leader()).id);
    expect(next.incarnation).toBeDefined();
    await cluster.expectSettled();
  });

  it('a leader that hears and is not heard is replaced', async () => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    const old = await cluster.leader();
    for (const { id } of cluster.others(old)) cluster.network.cut(addressOf(old.id), addressOf(id));
    await cluster.leader(cluster.others(old).map(({ id }) => id));
    cluster.network.heal();
    await cluster.expectSettled();
  });

  it.each([
    ['loses a tenth', { loss: 0.1 }],
    ['is slow', { delayMs: [20, 60] as const }],
    ['reorders', { delayMs: [0, 40] as const, reordering: true }],
    ['repeats', { duplication: 0.3 }],
    [
      'does all of it',
      { loss: 0.1, duplication: 0.2, delayMs: [0, 40] as const, reordering: true },
    ],
  ])('that %s is no reason to stop', async (_, faults) => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    cluster.network.setFaults(faults);
    const before = cluster.acknowledged;
    await cluster.pass(4000);
    expect(cluster.acknowledged).toBeGreaterThan(before + 10);
    await cluster.expectSettled();
  });
});

describe('a restart', () => {
  it.each(['power', 'kill'] as const)('of the leader after a crash (%s)', async (how) => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    const leader = await cluster.leader();
    await cluster.until(leader.crashSoon(3, 200));
    leader.revive(how);
    const before = cluster.acknowledged;
    await cluster.pass(1500);
    expect(cluster.acknowledged).toBeGreaterThan(before);
    await cluster.until(leader.start());
    await cluster.pass(500);
    await cluster.expectSettled();
  });

  it('of all at once after a power cut: nothing acknowledged is lost', async () => {
    const cluster = new ScriptedCluster();
    await cluster.start();
    await cluster.pass(800);
    await cluster.until(Promise.all(cluster.members.map((member) => member.crashSoon(1, 50))));
    for (const member of cluster.members) member.revive('power');
    await cluster.until(Promise.all(cluster.members.map((member) => member.start())));
    await cluster.leader();
    await cluster.pass(1000);
    await cluster.expectSettled();
  });

  it('of one after the other, in order, under load', async () => {
    const cluster = new ScriptedCluster({ snapshotEntries: 20 });
    await cluster.start();
    for (const member of cluster.members) {
      await cluster.until(member.shutdown(true));
      await cluster.pass(300);
      await cluster.until(member.start());
      await cluster.pass(500);
    }
    await cluster.expectSettled();
  });

  it('of a follower that was away so long that only a snapshot helps', async () => {
    const cluster = new ScriptedCluster({ snapshotEntries: 15, compactionMargin: 0 });
    await cluster.start();
    const [away] = cluster.others(await cluster.leader());
    if (away === undefined) throw new Error('there are three');
    await cluster.until(away.shutdown(false));
    await cluster.pass(3000);
    await cluster.until(away.start());
    await cluster.pass(1500);
    expect(away.installed).toBeGreaterThan(0);
    await cluster.expectSettled();
  });
});
