/**
 * Real processes, one of which leads and has a disk that hangs: another one leads and takes writes, the one that hangs tells
 * why it is not ready and does not campaign, and comes back when its disk works again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KeyValueClient } from '../dist/cluster/client/index.js';
import { Cluster } from '../dist/cluster/cluster.js';
import { eventually, hasCaughtUp, leaderOf } from './cluster/processes.ts';

it.each(['babuza-wal', 'etcd-wal'])(
  'a leader whose disk hangs is replaced, on the log %s',
  async (walType) => {
    const directory = await mkdtemp(join(tmpdir(), 'babuza-demo-hung-disk-'));
    const failures: string[] = [];
    const leaders: bigint[] = [];
    const cluster = await Cluster.open({
      directory,
      walTypeOf: () => walType,
      nodes: 3,
      withProxies: false,
      withHangingDisks: true,
      snapshotEntries: 10_000,
      compactionMargin: 5000,
      onNotice: (id, { type }) => {
        if (type === 'leadership-acquired') leaders.push(id);
      },
      onFailure: (_, message) => failures.push(message),
    });
    const nodes = cluster.nodes.map(({ apiUrl }) => apiUrl);
    const client = new KeyValueClient({ nodes, deadlineMs: 30_000, attemptTimeoutMs: 500 });
    try {
      await client.put('before', Buffer.from('1'));
      const old = await leaderOf(cluster, client);
      const led = leaders.length;
      old.handle.hangDisk();
      for (let at = 0; at < 30; at += 1) await client.put('during', Buffer.from(String(at)));
      const { all, role } = await client.cluster.status({ at: old.apiUrl });
      expect([role, all['readiness']]).toEqual([
        'follower',
        { ready: false, reason: expect.stringContaining('a save to the log has not finished') },
      ]);
      expect((await leaderOf(cluster, client)).id).not.toBe(old.id);
      expect(leaders.slice(led)).not.toContain(old.id);
      old.handle.releaseDisk();
      await hasCaughtUp(cluster, client, old);
      await eventually(async () => {
        const { all: now } = await client.cluster.status({ at: old.apiUrl });
        return JSON.stringify(now['readiness']) === '{"ready":true}' ? true : undefined;
      });
      const found = await client.get('during', { at: old.apiUrl, stale: true });
      expect(Buffer.from(found ?? []).toString()).toBe('29');
      expect(failures).toEqual([]);
    } finally {
      await client.close();
      await cluster.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
  60_000,
);
