/**
 * Real processes on three different logs, under load all the time: each role is killed and comes
 * back, each is cut off, all are restarted one after the other, as for an upgrade. Whatever was
 * acknowledged is on every node.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KeyValueClient } from '../dist/cluster/client/index.js';
import { Cluster, type ClusterNode } from '../dist/cluster/cluster.js';
import { eventually, followerOf, hasCaughtUp, leaderOf } from './cluster/processes.ts';

const walTypes = ['babuza-wal', 'etcd-wal', 'level-wal'];
const failures: string[] = [];
const written: string[] = [];
const stopping = new AbortController();
let directory = '';
let cluster: Cluster;
let client: KeyValueClient;
let writing: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-demo-roles-'));
  cluster = await Cluster.open({
    directory,
    walTypeOf: (id) => walTypes[(Number(id) - 1) % walTypes.length] ?? '',
    nodes: 3,
    withProxies: true,
    snapshotEntries: 10_000,
    compactionMargin: 5000,
    onNotice: () => undefined,
    onFailure: (_, message) => failures.push(message),
  });
  client = clientOf(10_000);
  await client.open();
  writing = Promise.all(Array.from({ length: 8 }, (_, number) => write(number)));
  writing.catch(() => undefined);
});

afterAll(async () => {
  await client.close();
  await cluster.close();
  await rm(directory, { recursive: true, force: true });
});

function clientOf(deadlineMs: number): KeyValueClient {
  const nodes = cluster.nodes.map(({ apiUrl }) => apiUrl);
  return new KeyValueClient({ nodes, deadlineMs, attemptTimeoutMs: 1500 });
}

/** Any write that is not acknowledged within the deadline fails the test. */
async function write(number: number): Promise<void> {
  await using own = clientOf(15_000);
  for (let serial = 0; !stopping.signal.aborted; serial += 1) {
    const key = `${number}/${serial}`;
    await own.put(key, Buffer.from(key));
    written.push(key);
  }
}

const leader = (): Promise<ClusterNode> => leaderOf(cluster, client);
const follower = (): Promise<ClusterNode> => followerOf(cluster, client);

/** As a load balancer asks, or who restarts one member after the other. */
const ready = ({ apiUrl }: ClusterNode): Promise<true> =>
  eventually(async () => ((await fetch(`${apiUrl}/ready`)).ok ? true : undefined));

/** So many more writes are acknowledged. */
const goesOn = (more: number): Promise<true> => {
  const wanted = written.length + more;
  return eventually(async () => (written.length >= wanted ? true : undefined));
};

it.each([
  ['follower', follower],
  ['leader', leader],
])('goes on when a %s is killed, and when it is back', async (_, choose) => {
  const { id } = await choose();
  await cluster.kill(id);
  await goesOn(30);
  await cluster.start(id);
  await ready(cluster.node(id));
  await goesOn(30);
});

it.each([
  ['follower', follower],
  ['leader', leader],
])('goes on when a %s is cut off, and when it is heard again', async (_, choose) => {
  const { id } = await choose();
  cluster.partition([id]);
  await goesOn(30);
  cluster.heal();
  await ready(cluster.node(id));
  await goesOn(30);
});

it('takes a learner that is killed while it catches up, and promotes it', async () => {
  const { id, address, apiUrl: api } = await cluster.prepare();
  await eventually(async () => {
    const { members } = await client.cluster.members();
    if (members.some((member) => member.id === id)) return true;
    return client.cluster.addMember({ id, address, role: 'learner', api });
  });
  await cluster.start(id);
  await cluster.kill(id);
  await goesOn(30);
  await cluster.start(id);
  await eventually(async () => client.cluster.promoteMember(id));
  await cluster.kill(id);
  await goesOn(30);
  await cluster.start(id);
  await ready(cluster.node(id));
});

it('is restarted one member after the other, and takes writes all the time', async () => {
  for (const node of cluster.nodes) {
    await node.handle.shutdown();
    await goesOn(10);
    await cluster.start(node.id);
    await ready(node);
  }
});

it('refuses a member that was removed, also after its own restart and that of all others', async () => {
  const gone = cluster.node(4n);
  await eventually(async () => {
    const { members } = await client.cluster.members();
    return members.some(({ id }) => id === 4n) ? client.cluster.removeMember(4n) : true;
  });
  await cluster.kill(4n);
  for (const { id } of cluster.running) {
    await cluster.kill(id);
    await cluster.start(id);
    await ready(cluster.node(id));
  }
  const { apiUrl } = await leader();
  const { term } = await client.cluster.status({ at: apiUrl });
  await cluster.start(4n);
  const before = await client.cluster.status({ at: gone.apiUrl });
  await goesOn(30);
  // Longer than it waits for a leader.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const after = await client.cluster.status({ at: gone.apiUrl });
  expect(after.commitIndex).toBe(before.commitIndex);
  expect((await fetch(`${gone.apiUrl}/ready`)).status).toBe(503);
  expect((await client.cluster.status({ at: apiUrl })).term).toBe(term);
  await cluster.remove(4n);
});

it('has everything that was acknowledged on every node', async () => {
  stopping.abort();
  await writing;
  for (const node of cluster.running) {
    await hasCaughtUp(cluster, client, node);
    const { apiUrl } = node;
    for (const key of written) {
      const value = await client.get(key, { stale: true, at: apiUrl });
      expect(Buffer.from(value ?? []).toString()).toBe(key);
    }
  }
  const digests = await Promise.all(
    cluster.running.map(async ({ apiUrl }) => (await client.cluster.digest({ at: apiUrl })).sha256),
  );
  expect(digests).toHaveLength(3);
  expect(new Set(digests).size).toBe(1);
  expect(written.length).toBeGreaterThan(300);
  expect(failures).toEqual([]);
});
