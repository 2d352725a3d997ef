/**
 * The metrics of running nodes: each value of a whole cluster changes, under the labels of its
 * node.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metricDefinitions } from '@babuza/metrics';
import { bootstrapRaftCluster, defaultBabuzaConfig, type Raft } from '@babuza/raft';
import type { NativeWalOptions } from '@babuza/wal-native';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BabuzaComponentBuilder, BabuzaWal, PrometheusMetrics } from '../src/index.ts';
import { encodeCommand, keyValueMachine } from './cluster/key-value-machine.ts';
import { AppliedLedger } from './cluster/ledger.ts';
import { eventually } from './real-cluster.ts';
import { openNetwork } from './real-network.ts';

type Node = Raft<string, string | undefined>;

const registry = new Registry();
const network = await openNetwork('http');
const ledger = new AppliedLedger();
const ids = [1n, 2n, 3n];
const peers = ids.map((id) => ({ id, address: network.address(id) }));
const nodes = new Map<bigint, Node>();
let directory = '';
/** The values by metric and node. */
let values = new Map<string, Map<string, number>>();
let textAfterShutdown = '';

async function start(id: bigint): Promise<void> {
  const address = network.address(id);
  const component = await new BabuzaComponentBuilder<NativeWalOptions>({
    clusterId: 9,
    nodeId: id,
    storageRootDir: join(directory, String(id)),
    walType: BabuzaWal,
    walOptions: { segmentBytes: 16 * 1024, cache: { entriesMax: 8, bytesMax: 4096 } },
    transportType: network.transportType,
    transportOptions: network.optionsOf(address),
    metricType: PrometheusMetrics,
    metricOptions: { registry },
  }).build();
  const config = {
    ...defaultBabuzaConfig(9, id, address),
    tickMs: 20,
    snapshotEntries: 50,
    compactionMargin: 5,
    snapshotsKept: 2,
  };
  const machine = keyValueMachine(
    'concurrent',
    ledger,
    { appliedIndex: 0, digest: 0, content: '[]' },
    () => false,
    async () => undefined,
  );
  nodes.set(id, await bootstrapRaftCluster(config, peers, machine, component));
  network.started(address, component.transport);
}

const leader = (): Promise<Node> =>
  eventually('a leader', async () =>
    [...nodes.values()].find((node) => node.leader()?.id === node.nodeId),
  );

const put = async (raft: Node, key: string) =>
  raft.propose(encodeCommand({ kind: 'put', key, value: 'v'.repeat(200) }, ''));

async function collected(): Promise<typeof values> {
  const found: typeof values = new Map();
  for (const line of (await registry.metrics()).split('\n')) {
    const [, name = '', labels = '', value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (name.endsWith('_bucket') || name === '') continue;
    const node = /node="(\d+)"/.exec(labels)?.[1] ?? 'none';
    found.set(name, (found.get(name) ?? new Map<string, number>()).set(node, Number(value)));
  }
  return found;
}

/** Work that changes every value that a healthy cluster can change. */
async function work(): Promise<void> {
  const first = await leader();
  const away = first.nodeId === 3n ? 2n : 3n;
  const sessionId = await first.registerSession();
  const session = { sessionId, sequence: 1, lowestUnanswered: 1 };
  const data = encodeCommand({ kind: 'put', key: 'once', value: '1' }, '');
  await first.propose(data, { session });
  await first.propose(data, { session });
  const refused = first.propose(data, { session: { ...session, sessionId: sessionId + 1000 } });
  await expect(refused).rejects.toMatchObject({ code: 'RAFT_SESSION_EXPIRED' });
  await first.read('once');
  await nodes.get(away)?.shutdown();
  nodes.delete(away);
  for (let at = 0; at < 60; at += 1)
    await Promise.all([0, 1, 2, 3].map((n) => put(first, `${at}-${n}`)));
  await eventually(
    'a log that was purged',
    async () => first.status().firstIndex > 50 || undefined,
  );
  await start(away);
  const { appliedIndex } = first.status();
  await nodes.get(away)?.waitForApplied(appliedIndex);
  await first.transferLeader(away);
  const next = await leader();
  await put(next, 'after');
  const known = () => [...nodes.values()].every((node) => node.leader()?.id === next.nodeId);
  await eventually('a leader that all know', async () => known() || undefined);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-metrics-'));
  for (const id of ids) await start(id);
  await work();
  values = await collected();
  await Promise.all([...nodes.values()].map((node) => node.shutdown()));
  textAfterShutdown = await registry.metrics();
}, 60_000);

afterAll(async () => {
  await network.close();
  await rm(directory, { recursive: true });
});

/**
 * Metrics that need a fault or a coincidence: a member of another cluster, a full, slow or broken
 * disk, a shortage, a paused leader, a failed read or snapshot, or a query at the right moment.
 */
const still = new Set(
  [
    'wal_no_space_total',
    'wal_try_again_total',
    'wal_poisoned',
    'raft_disk_full',
    'raft_apply_lag_seconds',
    'raft_log_tail_dropped_bytes',
  ]
    .concat(['raft_log_tail_uncertain', 'raft_reads_failed_total', 'snapshots_failed_total'])
    .concat(['snapshot_sends_failed_total', 'raft_proposals_pending', 'raft_reads_pending'])
    .concat(['raft_impossible_claims_reported_total', 'snapshots_unused_total'])
    .concat(['raft_refused_messages_reported_total'])
    .concat(['raft_slowest_peer_lag_entries', 'transport_queued_messages', 'raft_disk_slow'])
    .concat(['raft_leadership_given_up_total', 'raft_standstills_total'])
    .concat(['transport_continued_snapshots_total', 'transport_refused_connections_total'])
    .map((name) => `babuza_${name}`),
);

describe('in a cluster that runs', () => {
  it.each(
    metricDefinitions.map(({ name, kind }) => (kind === 'histogram' ? `${name}_count` : name)),
  )('%s', (name) => {
    const ofNodes = values.get(name) ?? new Map<string, number>();
    // A distribution exists from its first value on, and not every node has made a snapshot.
    if (!name.endsWith('_count')) expect([...ofNodes.keys()].sort()).toEqual(['1', '2', '3']);
    if (still.has(name)) return;
    expect(Math.max(...ofNodes.values())).toBeGreaterThan(0);
  });

  it('exactly one node leads, and all know it', () => {
    const of = (name: string) =>
      [...(values.get(`babuza_raft_${name}`)?.values() ?? [])].sort((left, right) => left - right);
    expect(of('is_leader')).toEqual([0, 0, 1]);
    expect(of('has_leader')).toEqual([1, 1, 1]);
  });

  it('a node that has ended shows no values of before', () => {
    expect(textAfterShutdown).toContain('# TYPE babuza_raft_is_leader gauge');
    expect(textAfterShutdown).not.toMatch(/^babuza_raft_is_leader\{/m);
    expect(textAfterShutdown).not.toMatch(/^babuza_wal_saves_total\{/m);
  });
});
