/** The metrics of a node: of its Raft core, its snapshots, its sessions and its log. */
import type { RaftEvent, RaftStatus } from '@babuza/raft';
import type { NodeObserver, ObservedNode } from '@babuza/raft/ports';
import type { MetricLabels, MetricsCollector } from './collector.ts';
import {
  bucketsFrom,
  counter,
  gauge,
  histogram,
  type DistributionDefinition,
  type ReadValue,
} from './definitions.ts';
import { transportValues } from './transport-metrics.ts';
import { observeWal } from './wal-metrics.ts';

/** The source of the values: the counts of the node, and those made here from its events. */
interface NodeCounts {
  readonly status: RaftStatus;
  readonly isReady: boolean;
  leaderChanges: number;
  standstills: number;
  givenUp: number;
  taken: number;
  takenBytes: number;
  failed: number;
  sent: number;
  sendsFailed: number;
  unused: number;
  impossible: number;
  refused: number;
  installed: number;
}

export const raftValues: readonly ReadValue<NodeCounts>[] = [
  gauge('raft_has_leader', '1 when this node knows a leader.', ({ status }) =>
    Number(status.leader !== 0n),
  ),
  gauge('raft_is_leader', '1 when this node leads.', ({ status }) =>
    Number(status.role === 'leader'),
  ),
  counter('raft_leader_changes', 'Leaders that this node has seen.', (of) => of.leaderChanges),
  gauge('raft_ready', '1 when this node is ready for clients; see Raft.readiness.', ({ isReady }) =>
    Number(isReady),
  ),
  gauge('raft_term', 'The term.', ({ status }) => status.term),
  gauge(
    'raft_commit_index',
    'The commit index that this node knows.',
    ({ status }) => status.commitIndex,
  ),
  gauge(
    'raft_applied_index',
    'The index of the last applied entry.',
    ({ status }) => status.appliedIndex,
  ),
  gauge(
    'raft_first_index',
    'The index of the oldest entry of the log.',
    ({ status }) => status.firstIndex,
  ),
  gauge(
    'raft_last_index',
    'The index of the newest entry of the log.',
    ({ status }) => status.lastIndex,
  ),
  gauge(
    'raft_slowest_peer_lag_entries',
    'Entries that the slowest member lacks; 0 if this node does not lead.',
    ({ status }) => lagOf(status),
  ),
  gauge(
    'raft_proposals_pending',
    'Proposals that wait for an answer.',
    ({ status }) => status.proposals.pending,
  ),
  counter(
    'raft_proposals_committed',
    'Proposals that were applied.',
    ({ status }) => status.proposals.answered,
  ),
  counter(
    'raft_proposals_failed',
    'Proposals that were rejected or dropped, or whose outcome is unknown.',
    ({ status }) => status.proposals.failed,
  ),
  gauge(
    'raft_reads_pending',
    'Linearizable reads that wait for their read index, or for it to be applied.',
    ({ status }) => status.reads.pending,
  ),
  counter(
    'raft_reads_answered',
    'Linearizable reads whose read index was confirmed and applied.',
    ({ status }) => status.reads.answered,
  ),
  counter(
    'raft_reads_failed',
    'Linearizable reads that no leader with a quorum confirmed in time.',
    ({ status }) => status.reads.failed,
  ),
  counter(
    'raft_impossible_claims_reported',
    'Reports of members whose log does not continue the log of this leader; see the event impossible-claim.',
    ({ impossible }) => impossible,
  ),
  counter(
    'raft_refused_messages_reported',
    'Messages of other nodes that were refused and reported; see the event message-refused.',
    ({ refused }) => refused,
  ),
  gauge(
    'raft_apply_lag_seconds',
    'How long a committed entry has waited to be applied.',
    ({ status }) => status.applyLagMs / 1000,
  ),
  gauge('raft_disk_full', '1 while entries wait for space on the disk.', ({ status }) =>
    Number(status.diskFull),
  ),
  gauge(
    'raft_disk_slow',
    '1 while a save to the log takes longer than leaderStallShare of an election timeout.',
    ({ status }) => Number(status.diskSlow),
  ),
  counter(
    'raft_leadership_given_up',
    'How often this leader transferred leadership, or stepped down, because it could not do its work.',
    ({ givenUp }) => givenUp,
  ),
  counter(
    'raft_standstills',
    'How often the event loop of this leader was blocked for too long.',
    ({ standstills }) => standstills,
  ),
  gauge(
    'raft_log_tail_dropped_bytes',
    'Bytes after the last complete batch that were cut off when the log was opened.',
    ({ status }) => status.tail.bytesDropped,
  ),
  gauge(
    'raft_log_tail_uncertain',
    '1 when this tail may come from a crash or from damage.',
    ({ status }) => Number(status.tail.verdict === 'uncertain'),
  ),
];

export const snapshotValues: readonly ReadValue<NodeCounts>[] = [
  counter('snapshots_taken', 'Snapshots that were made here.', ({ taken }) => taken),
  counter('snapshots_failed', 'Snapshots that could not be made.', ({ failed }) => failed),
  gauge(
    'snapshot_bytes',
    'Bytes of the newest snapshot that was made here, as stored.',
    ({ takenBytes }) => takenBytes,
  ),
  gauge(
    'snapshot_index',
    'Index of the newest snapshot.',
    ({ status }) => status.snapshot?.index ?? 0,
  ),
  counter(
    'snapshots_sent',
    'Snapshots that were sent to a member that lagged behind.',
    ({ sent }) => sent,
  ),
  counter(
    'snapshot_sends_failed',
    'Snapshots whose sending failed.',
    ({ sendsFailed }) => sendsFailed,
  ),
  counter(
    'snapshots_unused',
    'Snapshots that a member received and did not use.',
    ({ unused }) => unused,
  ),
  counter(
    'snapshots_installed',
    'Snapshots of other nodes that were installed here.',
    ({ installed }) => installed,
  ),
];

export const sessionValues: readonly ReadValue<NodeCounts>[] = [
  gauge('sessions_open', 'Open sessions of clients.', ({ status }) => status.sessions.open),
  counter(
    'session_duplicates',
    'Repeated proposals that were not applied again.',
    ({ status }) => status.sessions.duplicates,
  ),
  counter(
    'session_refused',
    'Proposals of ended sessions, and proposals whose answer the client already had.',
    ({ status }) => status.sessions.refused,
  ),
];

/** From 10 ms to almost three minutes. */
const snapshotDuration = histogram(
  'snapshot_duration_seconds',
  'From the start of a snapshot until it is durable and recorded in the log.',
  bucketsFrom(0.01, 2, 15),
);

export const snapshotDistributions: readonly DistributionDefinition[] = [snapshotDuration];

/**
 * Returns an observer for `RaftComponent.observer`. It collects the metrics of each node from its
 * start to its end.
 */
export function nodeMetrics(collector: MetricsCollector): NodeObserver {
  return { observe: (node) => observeNode(collector, node) };
}

function observeNode(collector: MetricsCollector, node: ObservedNode): () => void {
  const { clusterId, nodeId, groupId } = node.status();
  const labels: MetricLabels = {
    cluster: String(clusterId),
    node: String(nodeId),
    group: String(groupId),
  };
  const counts = countsOf(node);
  const recordDuration = collector.distribution(snapshotDuration, labels);
  const ends = [...raftValues, ...snapshotValues, ...sessionValues].map((value) =>
    collector.observe(value, labels, () => value.read(counts)),
  );
  const { transport } = node;
  if (transport !== undefined) {
    for (const value of transportValues) {
      ends.push(collector.observe(value, labels, () => value.read(transport())));
    }
  }
  ends.push(
    node.subscribe((event) => {
      count(event, counts);
      if (event.type === 'snapshot-taken') recordDuration(event.durationMs / 1000);
    }),
    observeWal(collector, node.wal, labels),
  );
  return () => {
    for (const end of ends) end();
  };
}

function countsOf(node: ObservedNode): NodeCounts {
  return {
    get status() {
      return node.status();
    },
    get isReady() {
      return node.readiness().ready;
    },
    leaderChanges: 0,
    standstills: 0,
    givenUp: 0,
    taken: 0,
    takenBytes: 0,
    failed: 0,
    sent: 0,
    sendsFailed: 0,
    unused: 0,
    impossible: 0,
    refused: 0,
    installed: 0,
  };
}

function count(event: RaftEvent, counts: NodeCounts): void {
  if (event.type === 'leader' && event.leader !== 0n) counts.leaderChanges += 1;
  else if (event.type === 'leadership-given-up') counts.givenUp += 1;
  else if (event.type === 'stood-still') counts.standstills += 1;
  else if (event.type === 'snapshot-taken') {
    counts.taken += 1;
    counts.takenBytes = event.bytes;
  } else if (event.type === 'snapshot-failed') counts.failed += 1;
  else if (event.type === 'snapshot-installed') counts.installed += 1;
  else if (event.type === 'unused-snapshot') counts.unused += 1;
  else if (event.type === 'impossible-claim') counts.impossible += 1;
  else if (event.type === 'message-refused') counts.refused += event.times;
  else if (event.type === 'snapshot-sent' && event.arrived) counts.sent += 1;
  else if (event.type === 'snapshot-sent') counts.sendsFailed += 1;
}

function lagOf({ lastIndex, progress }: RaftStatus): number {
  return Math.max(0, ...progress.map(({ matchIndex }) => lastIndex - matchIndex));
}
