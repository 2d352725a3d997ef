/**
 * A cluster of real processes with certificates: it works as one without, and lets nobody in who
 * has none of its authority.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Authority, type Certificate } from '../../../packages/transport-http/test/certificates.ts';
import { KeyValueClient } from '../dist/cluster/client/index.js';
import { Cluster, type ClusterNode } from '../dist/cluster/cluster.js';
import { nodeLogName } from '../dist/cluster/node-log.js';
import { eventually, hasCaughtUp } from './cluster/processes.ts';

const failures: string[] = [];
/** What the members have their certificates from, in the end; and before. */
const authority = new Authority();
const former = new Authority();
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
  ca: join(directory, `${id}.ca.pem`),
});

async function give(id: bigint, { cert, key }: Certificate): Promise<void> {
  const files = filesOf(id);
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
}

const trust = (id: bigint, ...authorities: readonly Authority[]): Promise<void> =>
  writeFile(filesOf(id).ca, authorities.map(({ cert }) => cert).join(''));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-demo-tls-'));
  for (const id of [1n, 2n, 3n])
    await Promise.all([give(id, former.issue({ member: id })), trust(id, former)]);
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
  for (const each of [authority, former, stranger]) each.remove();
});

async function writeSome(): Promise<void> {
  for (let more = 0; more < 10; more += 1) {
    await client.put(`key-${written}`, Buffer.from(`value-${written}`));
    written += 1;
  }
}

async function expectToHaveAll(node: ClusterNode): Promise<void> {
  await writeSome();
  await hasCaughtUp(cluster, client, node);
  const { apiUrl } = node;
  for (let at = 0; at < written; at += 1) {
    const value = await client.get(`key-${at}`, { stale: true, at: apiUrl });
    expect(Buffer.from(value ?? []).toString()).toBe(`value-${at}`);
  }
}

async function connections({ apiUrl }: ClusterNode, kind: 'failed' | 'refused'): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  const line = new RegExp(`^babuza_transport_${kind}_connections_total\\{.*\\} (\\d+)$`, 'm');
  return Number(line.exec(text)?.[1]);
}

const failedConnections = (node: ClusterNode): Promise<number> => connections(node, 'failed');

/** What it has reported so far. */
const logOf = ({ directory: home }: ClusterNode): Promise<string> =>
  readFile(join(home, nodeLogName), 'utf8').catch(() => '');

const restart = async (node: ClusterNode): Promise<void> => {
  await node.handle.shutdown();
  await cluster.start(node.id);
  await expectToHaveAll(node);
};

/** As its files are now; without a certificate it speaks no TLS. */
async function startWith(id: bigint, certificate: Certificate | undefined): Promise<void> {
  plain = certificate === undefined ? id : 0n;
  if (certificate !== undefined) await give(id, certificate);
  await cluster.start(id);
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
    await give(node.id, former.issue({ member: node.id }));
    await restart(node);
  }
});

it('moves to another authority in three rounds of restarts', async () => {
  const rounds: readonly ((id: bigint) => Promise<void>)[] = [
    (id) => trust(id, former, authority),
    (id) => give(id, authority.issue({ member: id })),
    (id) => trust(id, authority),
  ];
  for (const prepare of rounds) {
    for (const node of cluster.nodes) {
      await prepare(node.id);
      await restart(node);
    }
  }
});

const wrongOnes: readonly (readonly [
  string,
  (member: bigint) => Certificate | undefined,
  RegExp,
])[] = [
  [
    'of an authority that was replaced',
    (member) => former.issue({ member }),
    /unable to verify|issuer/,
  ],
  ['of a strange authority', (member) => stranger.issue({ member }), /unable to verify|issuer/],
  ['that has expired', (member) => authority.issue({ member, isExpired: true }), /expired/],
  ['of another member', (member) => authority.issue({ member: member + 1n }), /it has babuza:/],
  [
    'by host where all have the same',
    () => authority.issue({ uris: [] }),
    /where member \d is, too/,
  ],
  ['that is none: without TLS', () => undefined, /wrong version number|packet length/],
];

it.each(wrongOnes)(
  'goes on without a member that comes back with a certificate %s, and says why',
  async (_, made, why) => {
    const { leader } = await eventually(async () => {
      const view = await client.cluster.members();
      return view.leader === undefined ? undefined : { leader: cluster.node(view.leader.id) };
    });
    const victim = cluster.nodes.find(({ id }) => id !== leader.id) ?? leader;
    const { term } = await client.cluster.status({ at: leader.apiUrl });
    const told = await logOf(leader);
    const refused = await connections(leader, 'refused');
    await cluster.kill(victim.id);
    await startWith(victim.id, made(victim.id));
    await eventually(async () =>
      why.test((await logOf(leader)).slice(told.length)) ? true : undefined,
    );
    await eventually(async () =>
      (await connections(leader, 'refused')) > refused + 2 ? true : undefined,
    );
    await writeSome();
    const alone = await client.cluster.status({ at: victim.apiUrl });
    expect(alone.leader).toBe(undefined);
    const { commitIndex, term: after } = await client.cluster.status({ at: leader.apiUrl });
    expect(alone.appliedIndex).toBeLessThan(commitIndex);
    expect(after).toBe(term);
    await cluster.kill(victim.id);
    await startWith(victim.id, authority.issue({ member: victim.id }));
    await expectToHaveAll(victim);
  },
);

it('does not let a member in that cannot show who it is, and goes on; with the right certificate it catches up', async () => {
  const late = await cluster.prepare();
  const { id, address, apiUrl: api } = late;
  await client.cluster.addMember({ id, address, role: 'learner', api });
  await trust(id, authority);
  const wrong: readonly (Certificate | undefined)[] = [
    stranger.issue({ member: id }),
    authority.issue({ member: id, isExpired: true }),
    authority.issue({ uris: [], hosts: ['DNS:elsewhere.example'] }),
    undefined,
  ];
  for (const certificate of wrong) {
    await startWith(id, certificate);
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
  await startWith(id, authority.issue({ member: id }));
  await expectToHaveAll(late);
  await client.cluster.promoteMember(id);
  expect(failures).toEqual([]);
});
