/** Which metrics of a node and its log are collected, and that the README lists all of them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { labelNames, metricDefinitions, nodeMetrics } from '../src/index.ts';
import { KeptMetrics, ToldNode } from './support.ts';

const snapshot = (index: number) => ({
  index,
  term: 1,
  confState: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
});

function observed() {
  const kept = new KeptMetrics();
  const node = new ToldNode();
  const end = nodeMetrics(kept).observe(node);
  return { kept, node, end };
}

describe('a node', () => {
  it('shows the values of its status, labelled with its cluster, node and group', () => {
    const { kept, node } = observed();
    expect(kept.labels('babuza_raft_term')).toEqual({ cluster: '1', node: '2', group: '3' });
    const values = {
      raft_has_leader: 1,
      raft_is_leader: 1,
      raft_ready: 1,
      raft_term: 5,
      raft_commit_index: 90,
      raft_applied_index: 80,
      raft_first_index: 11,
      raft_last_index: 100,
      raft_slowest_peer_lag_entries: 40,
      raft_proposals_pending: 4,
      raft_proposals_committed_total: 70,
      raft_proposals_failed_total: 6,
      raft_reads_pending: 1,
      raft_reads_answered_total: 30,
      raft_reads_failed_total: 2,
      raft_apply_lag_seconds: 2.5,
      raft_disk_full: 0,
      raft_disk_slow: 0,
      raft_log_tail_dropped_bytes: 33,
      raft_log_tail_uncertain: 1,
      snapshot_index: 50,
      sessions_open: 9,
      session_duplicates_total: 8,
      session_refused_total: 7,
      wal_saves_total: 10,
      wal_entries_total: 20,
      wal_syncs_total: 3,
      wal_written_bytes_total: 4096,
      wal_cache_hits_total: 7,
      wal_cache_misses_total: 2,
      wal_segments: 4,
      wal_index_bytes: 100,
      wal_cache_bytes: 200,
      transport_connected_peers: 2,
      transport_queued_messages: 3,
      transport_sent_messages_total: 40,
      transport_sent_bytes_total: 5000,
      transport_dropped_messages_total: 6,
      transport_received_messages_total: 70,
      transport_received_bytes_total: 8000,
      transport_connections_total: 9,
      transport_failed_connections_total: 10,
      transport_refused_connections_total: 11,
    };
    for (const [name, value] of Object.entries(values)) {
      expect([name, kept.value(`babuza_${name}`)]).toEqual([name, value]);
    }
    const follower = { role: 'follower', leader: 0n, progress: [] } as const;
    node.current = { ...node.current, ...follower, diskFull: true, diskSlow: true };
    node.isReady = false;
    const now = ['has_leader', 'is_leader', 'ready', 'slowest_peer_lag_entries'];
    expect(now.map((name) => kept.value(`babuza_raft_${name}`))).toEqual([0, 0, 0, 0]);
    const disk = ['disk_full', 'disk_slow'];
    expect(disk.map((name) => kept.value(`babuza_raft_${name}`))).toEqual([1, 1]);
  });

  it('counts its events', () => {
    const { kept, node } = observed();
    node.tell({ type: 'leader', leader: 1n, term: 1 });
    node.tell({ type: 'leader', leader: 0n, term: 1 });
    node.tell({ type: 'leader', leader: 2n, term: 2 });
    node.tell({ type: 'snapshot-taken', metadata: snapshot(4), bytes: 77, durationMs: 250 });
    node.tell({ type: 'snapshot-failed', error: new Error('no') });
    node.tell({ type: 'snapshot-installed', metadata: snapshot(9) });
    for (const arrived of [true, false, true]) {
      node.tell({ type: 'snapshot-sent', to: 1n, metadata: snapshot(9), arrived });
    }
    const unused = { member: 2n, index: 9, times: 1, pauseMs: 2000 };
    node.tell({ type: 'unused-snapshot', ...unused });
    const claim = { member: 2n, kind: 'match', claimed: 9, atMost: 8, term: 3, times: 1 } as const;
    for (const times of [1, 10]) node.tell({ type: 'impossible-claim', ...claim, times });
    const refused = { member: 2n, kind: 'term', message: 'it has term 9' } as const;
    for (const times of [1, 10]) node.tell({ type: 'message-refused', ...refused, times });
    expect(kept.value('babuza_raft_refused_messages_reported_total')).toBe(11);
    expect(kept.value('babuza_snapshots_unused_total')).toBe(1);
    expect(kept.value('babuza_raft_impossible_claims_reported_total')).toBe(2);
    node.tell({ type: 'stood-still', durationMs: 900 });
    node.tell({ type: 'leadership-given-up', trouble: 'stood-still', to: 2n });
    node.tell({ type: 'leadership-given-up', trouble: 'stood-still', to: undefined });
    expect(kept.value('babuza_raft_standstills_total')).toBe(1);
    expect(kept.value('babuza_raft_leadership_given_up_total')).toBe(2);
    const names = ['snapshots_taken', 'snapshots_failed', 'snapshots_installed', 'snapshots_sent'];
    expect(names.map((name) => kept.value(`babuza_${name}_total`))).toEqual([1, 1, 1, 2]);
    expect(kept.value('babuza_snapshot_sends_failed_total')).toBe(1);
    expect(kept.value('babuza_snapshot_bytes')).toBe(77);
    expect(kept.value('babuza_raft_leader_changes_total')).toBe(2);
    expect(kept.recorded.get('babuza_snapshot_duration_seconds')).toEqual([0.25]);
  });

  it('counts the events of its log, and not those of another group', () => {
    const { kept, node } = observed();
    const group = { type: 'committed', saves: 2, entries: 5, bytes: 500, latencyMs: 4 } as const;
    node.tellOfLog({ ...group, groupId: 3n, durable: true });
    node.tellOfLog({ ...group, groupId: 3n, saves: 0, durable: false });
    node.tellOfLog({ ...group, groupId: 4n, durable: true });
    const report = { toIndex: 5, firstIndex: 6, segmentsRemoved: 2, segmentsRecycled: 1 };
    const rest = { bytesFreed: 1000, segmentsKept: 1, heldBy: undefined };
    node.tellOfLog({ type: 'purged', groupId: 3n, report: { ...report, ...rest } });
    node.tellOfLog({ type: 'rotated', groupId: 3n, file: 'a' });
    node.tellOfLog({ type: 'no-space', groupId: 3n, error: new Error('full') });
    for (const text of ['no descriptor', 'no memory']) {
      node.tellOfLog({ type: 'try-again', groupId: 3n, error: new Error(text) });
    }
    node.tellOfLog({ type: 'poisoned', groupId: 3n, error: new Error('broken') });
    const counted = ['purges_total', 'purged_bytes_total', 'purged_segments_total']
      .concat(['rotations_total', 'no_space_total', 'try_again_total', 'poisoned'])
      .map((name) => kept.value(`babuza_wal_${name}`));
    expect(counted).toEqual([1, 1000, 3, 1, 1, 2, 1]);
    expect(kept.recorded.get('babuza_wal_sync_latency_seconds')).toEqual([0.004]);
    expect(kept.recorded.get('babuza_wal_batch_saves')).toEqual([2]);
    expect(kept.recorded.get('babuza_wal_batch_bytes')).toEqual([500, 500]);
  });

  it('leaves nothing behind when it ends', () => {
    const { kept, node, end } = observed();
    expect(node.listeners).toBe(2);
    end();
    expect([node.listeners, kept.names]).toEqual([0, []]);
  });
});

describe('definitions', () => {
  it('each name once, in the form of Prometheus, with a description, and in the README', () => {
    const names = metricDefinitions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    for (const { name, kind, description } of metricDefinitions) {
      expect(name).toMatch(/^babuza_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      expect(description.length).toBeGreaterThan(8);
      expect(readme).toContain(`| \`${name}\` | ${kind} | ${description} |`);
    }
    expect(labelNames).toEqual(['cluster', 'node', 'group']);
  });

  it('are all collected', () => {
    const { kept } = observed();
    const all = [...kept.names, ...kept.recorded.keys()].sort();
    expect(all).toEqual(metricDefinitions.map(({ name }) => name).sort());
  });
});
