/** A cluster of real processes with certificates: it works as one without, and lets nobody in who has none of its authority. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Authority, type Certificate } from '../../../packages/transport-http/test/certificates.ts';
import { KeyValueClient } from '../dist/cluster/client/index.js';
import { Cluster, type ClusterNode } from '../dist/cluster/cluster.js';

const failures: string[] = [];
const authority = new Authority();
const stranger = new Authority();
/** The node that has no certificates at all, if there is one. */
let plain = 0n;
let directory = '';
let cluster: Cluster;
let client: KeyValueClient;
let written = 0;

const filesOf = (id: bigint) => ({
  cert: join(directory, `${id}.cert.pem`),
  key: join(directory, `${id}.key.pem`),
  ca: join(directory, 'ca.pem'),
});

async function give(id: bigint, { cert, key }: Certificate): Promise<void> {
  const files = filesOf(id);
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-demo-tls-'));
  await writeFile(join(directory, 'ca.pem'), authority.cert);
  for (const id of [1n, 2n, 3n]) await give(id, authority.issue());
  cluster = await Cluster.open({
    directory,
    walTypeOf: () => 'babuza-wal',
    tlsOf: (id) => (id === plain ? undefined : filesOf(id)),
    nodes: 3,
    withProxies: false,
    snapshotEntries: 10_000,
    compactionMargin: 5000,
    onNotice: () => undefined,
    onFailure: (_, message) => failures.push(message),
  });
  const nodes = cluster.nodes.map(({ apiUrl }) => apiUrl);
  client = new KeyValueClient({ nodes, deadlineMs: 15_000, attemptTimeoutMs: 2000 });
  await client.open();
});

afterAll(async () => {
  await client.close();
  await cluster.close();
  await rm(directory, { recursive: true, force: true });
  authority.remove();
  stranger.remove();
});

async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

async function writeSome(): Promise<void> {
  for (let more = 0; more < 10; more += 1) {
    await client.put(`key-${written}`, Buffer.from(`value-${written}`));
    written += 1;
  }
}

async function expectToHaveAll({ apiUrl }: ClusterNode): Promise<void> {
  await writeSome();
  const { commitIndex } = await client.cluster.status();
  await eventually(async () => {
    const { appliedIndex } = await client.cluster.status({ at: apiUrl });
    return appliedIndex >= commitIndex ? true : undefined;
  });
  for (let at = 0; at < written; at += 1) {
    const value = await client.get(`key-${at}`, { stale: true, at: apiUrl });
    expect(Buffer.from(value ?? []).toString()).toBe(`value-${at}`);
  }
}

async function failedConnections({ apiUrl }: ClusterNode): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  const line = /^babuza_transport_failed_connections_total\{.*\} (\d+)$/m.exec(text);
  return Number(line?.[1]);
}

it('goes on when a member is killed and comes back', async () => {
  await writeSome();
  for (const { id } of cluster.nodes) {
    await cluster.kill(id);
    await writeSome();
    await cluster.start(id);
    await expectToHaveAll(cluster.node(id));
  }
});

it('has its certificates replaced one member after the other', async () => {
  for (const node of cluster.nodes) {
    await give(node.id, authority.issue());
    await node.handle.shutdown();
    await cluster.start(node.id);
    await expectToHaveAll(node);
  }
});

it('does not let a member in that cannot show who it is, and goes on; with the right certificate it catches up', async () => {
  const late = await cluster.prepare();
  const { id, address, apiUrl: api } = late;
  await client.cluster.addMember({ id, address, role: 'learner', api });
  const wrong: readonly (Certificate | undefined)[] = [
    stranger.issue(),
    authority.issue('IP:127.0.0.1', true),
    authority.issue('DNS:elsewhere.example'),
    undefined,
  ];
  for (const certificate of wrong) {
    plain = certificate === undefined ? id : 0n;
    if (certificate !== undefined) await give(id, certificate);
    await cluster.start(id);
    const members = cluster.running.filter((node) => node.id !== id);
    const before = await Promise.all(members.map(failedConnections));
    await writeSome();
    // Its leader tries, and is told why not.
    await eventually(async () => {
      const after = await Promise.all(members.map(failedConnections));
      return after.some((count, at) => count > (before[at] ?? 0) + 2) ? true : undefined;
    });
    const status = await client.cluster.status({ at: api });
    expect([status.appliedIndex, status.leader]).toEqual([0, undefined]);
    await cluster.kill(id);
  }
  plain = 0n;
  await give(id, authority.issue());
  await cluster.start(id);
  await expectToHaveAll(late);
  await client.cluster.promoteMember(id);
  expect(failures).toEqual([]);
});
