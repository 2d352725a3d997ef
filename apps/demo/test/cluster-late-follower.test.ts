/**
 * Real processes: a follower was away for longer than the log goes back, and its snapshot is
 * interrupted on the way. It goes on where it had ended, and the follower has what the others have.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KeyValueClient } from '../dist/cluster/client/index.js';
import { Cluster, type ClusterNode } from '../dist/cluster/cluster.js';
import { eventually, followerOf, hasCaughtUp, leaderOf } from './cluster/processes.ts';

const mebibyte = 1024 * 1024;
const values = 24;
const valueBytes = mebibyte / 2;
const stateBytes = values * valueBytes;

const failures: string[] = [];
let directory = '';
let cluster: Cluster;
let client: KeyValueClient;
let round = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-demo-late-'));
  cluster = await Cluster.open({
    directory,
    walTypeOf: () => 'babuza-wal',
    nodes: 3,
    withProxies: true,
    snapshotEntries: 20,
    compactionMargin: 2,
    onNotice: () => undefined,
    onFailure: (_, message) => failures.push(message),
  });
  const nodes = cluster.nodes.map(({ apiUrl }) => apiUrl);
  client = new KeyValueClient({ nodes, deadlineMs: 30_000, attemptTimeoutMs: 5000 });
  await client.open();
}, 30_000);

afterAll(async () => {
  await client.close();
  await cluster.close();
  await rm(directory, { recursive: true, force: true });
});

const leader = (): Promise<ClusterNode> => leaderOf(cluster, client);

async function metric({ apiUrl }: ClusterNode, name: string): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  const value = new RegExp(`^babuza_${name}\\{.*\\} (\\S+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`there is no metric ${name}`);
  return Number(value);
}

/** All values anew, and bytes that no compression makes small. */
async function writeEverything(): Promise<void> {
  round += 1;
  for (let at = 0; at < values; at += 1) {
    const value = new Uint32Array(valueBytes / 4);
    let seed = round * 1000 + at;
    for (let word = 0; word < value.length; word += 1) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      value[word] = seed;
    }
    await client.put(`value-${at}`, new Uint8Array(value.buffer));
  }
}

/** A follower that needs a snapshot when it comes back. */
async function lateFollower(): Promise<ClusterNode> {
  const leading = await leader();
  const late = await followerOf(cluster, client);
  const { appliedIndex } = await client.cluster.status({ at: late.apiUrl });
  await cluster.kill(late.id);
  await writeEverything();
  // Its log goes back to the oldest snapshot that is kept.
  while ((await metric(leading, 'raft_first_index')) <= appliedIndex + 1) {
    await client.put('small', Buffer.from('small'));
  }
  return late;
}

/** Comes back behind a slow line, until a third of the snapshot is there. */
async function startUntilThird(late: ClusterNode): Promise<void> {
  late.proxy?.setFaults({ bytesPerSecond: 6 * mebibyte });
  await cluster.start(late.id);
  await eventually(async () => ((await received(late)) > stateBytes / 3 ? true : undefined));
}

async function expectToCatchUp(late: ClusterNode): Promise<void> {
  late.proxy?.setFaults({ bytesPerSecond: Infinity });
  await hasCaughtUp(cluster, client, late);
  const leading = await leader();
  const digestOf = async ({ apiUrl }: ClusterNode): Promise<string> =>
    (await client.cluster.digest({ at: apiUrl })).sha256;
  expect(await digestOf(late)).toBe(await digestOf(leading));
  // The follower may be making a snapshot of its own when it is looked at; the leftover of an
  // interruption would stay.
  const isUnfinished = (name: string): boolean => /\.(tmp|gone|part)$/.test(name);
  const unfinished = async (): Promise<string[]> =>
    (await readdir(join(late.directory, 'snap'), { recursive: true })).filter(isUnfinished);
  await expect.poll(unfinished, { timeout: 10_000 }).toEqual([]);
  expect(failures).toEqual([]);
}

const received = (late: ClusterNode): Promise<number> =>
  metric(late, 'transport_received_snapshot_bytes_total');

it.each([
  ['the connection breaks', async ({ proxy }: ClusterNode) => proxy?.breakAll(), false],
  [
    'its process is killed',
    async ({ id }: ClusterNode) => {
      await cluster.kill(id);
      await cluster.start(id);
    },
    true,
  ],
])(
  'a snapshot on its way to a late follower goes on when %s',
  async (_, interrupt, isNewProcess) => {
    const late = await lateFollower();
    const leading = await leader();
    const continued = await metric(leading, 'transport_continued_snapshots_total');
    await startUntilThird(late);
    const before = isNewProcess ? await received(late) : 0;
    await interrupt(late);
    await expectToCatchUp(late);
    expect(await metric(leading, 'transport_continued_snapshots_total')).toBeGreaterThan(continued);
    // What was there did not come a second time.
    expect(before + (await received(late))).toBeLessThan(stateBytes * 1.15);
  },
  60_000,
);

it('a late follower has its snapshot from the next leader when the one that sends it is killed', async () => {
  const late = await lateFollower();
  await startUntilThird(late);
  const { id } = await leader();
  await cluster.kill(id);
  await expectToCatchUp(late);
  const next = await leader();
  expect(await metric(next, 'transport_sent_snapshot_bytes_total')).toBeGreaterThan(0);
  await cluster.start(id);
}, 60_000);

it('a byte of a snapshot that is damaged on the way is found, and the follower has it whole in the end', async () => {
  const late = await lateFollower();
  const leading = await leader();
  const interrupted = async (): Promise<number> =>
    (await metric(leading, 'snapshot_sends_failed_total')) +
    (await metric(leading, 'transport_continued_snapshots_total'));
  const before = await interrupted();
  late.proxy?.damageOnce(32 * 1024);
  await startUntilThird(late);
  await expectToCatchUp(late);
  expect(await interrupted()).toBeGreaterThan(before);
}, 60_000);
