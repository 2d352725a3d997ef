/**
 * Real processes whose messages pass in one direction only, under load: a majority that hears and
 * answers each other goes on, nobody else disturbs it, and what was acknowledged is on every node
 * when all hear each other again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KeyValueClient } from '../dist/cluster/client/index.js';
import { Cluster, type ClusterNode } from '../dist/cluster/cluster.js';
import { eventually, followerOf, hasCaughtUp, leaderOf } from './cluster/processes.ts';

const failures: string[] = [];
const written: string[] = [];
let directory = '';
let cluster: Cluster;
let client: KeyValueClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-demo-directions-'));
  cluster = await Cluster.open({
    directory,
    walTypeOf: () => 'babuza-wal',
    nodes: 3,
    withProxies: true,
    snapshotEntries: 10_000,
    compactionMargin: 5000,
    onNotice: () => undefined,
    onFailure: (_, message) => failures.push(message),
  });
  const nodes = cluster.nodes.map(({ apiUrl }) => apiUrl);
  client = new KeyValueClient({ nodes, deadlineMs: 15_000, attemptTimeoutMs: 1000 });
  await client.open();
});

afterAll(async () => {
  await client.close();
  await cluster.close();
  await rm(directory, { recursive: true, force: true });
});

const othersThan = ({ id }: ClusterNode): readonly ClusterNode[] =>
  cluster.running.filter((node) => node.id !== id);

/** What it says arrives nowhere. It hears everybody. */
const silence = (node: ClusterNode): void => {
  for (const { proxy } of othersThan(node)) proxy?.cut(node.id);
};

/** Nothing arrives at it. Everybody hears it. */
const deafen = (node: ClusterNode): void => {
  for (const { id } of othersThan(node)) node.proxy?.cut(id);
};

async function writeSome(): Promise<void> {
  for (let more = 0; more < 20; more += 1) {
    const key = `key-${written.length}`;
    await client.put(key, Buffer.from(key));
    written.push(key);
  }
}

async function expectAllToAgree(): Promise<void> {
  for (const node of cluster.running) {
    await hasCaughtUp(cluster, client, node);
    for (const key of written) {
      const value = await client.get(key, { stale: true, at: node.apiUrl });
      expect(Buffer.from(value ?? []).toString()).toBe(key);
    }
  }
  expect(failures).toEqual([]);
}

it.each([
  ['is heard by nobody', silence],
  ['hears nobody', deafen],
])('another node leads when the leader %s', async (_, cut) => {
  await writeSome();
  const before = await leaderOf(cluster, client);
  cut(before);
  await writeSome();
  const { leader } = await client.cluster.members();
  expect(leader?.id).not.toBe(before.id);
  cluster.heal();
  await writeSome();
  await expectAllToAgree();
});

it.each([
  ['is heard by nobody', silence],
  ['hears nobody', deafen],
])('a follower that %s does not disturb the leader, and catches up', async (_, cut) => {
  const leading = await leaderOf(cluster, client);
  const { term } = await client.cluster.status({ at: leading.apiUrl });
  cut(await followerOf(cluster, client));
  await writeSome();
  // Longer than it waits for a leader, and asks for votes more than once.
  await new Promise((resolve) => setTimeout(resolve, 4000));
  await writeSome();
  cluster.heal();
  await writeSome();
  const after = await client.cluster.status({ at: leading.apiUrl });
  expect([after.role, after.term]).toEqual(['leader', term]);
  await expectAllToAgree();
});

it('a leader that is removed while writes go on steps down, and takes no part any more', async () => {
  const before = await leaderOf(cluster, client);
  await Promise.all([writeSome(), client.cluster.removeMember(before.id)]);
  await eventually(async () => {
    const { role } = await client.cluster.status({ at: before.apiUrl });
    return role === 'leader' ? undefined : true;
  });
  await writeSome();
  await cluster.remove(before.id);
  const { members, leader } = await client.cluster.members();
  expect(members.map(({ id }) => id)).not.toContain(before.id);
  expect(leader?.id).not.toBe(before.id);
  await expectAllToAgree();
});
