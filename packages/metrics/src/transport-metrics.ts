/** The metrics of a transport that counts what passes. */
import type { TransportCounts } from '@babuza/raft';
import { counter, gauge, type ReadValue } from './definitions.ts';

export const transportValues: readonly ReadValue<TransportCounts>[] = [
  gauge(
    'transport_connected_peers',
    'Members that messages have an open way to.',
    ({ connectedPeers }) => connectedPeers,
  ),
  gauge(
    'transport_queued_messages',
    'Messages that wait to be sent.',
    ({ queuedMessages }) => queuedMessages,
  ),
  counter(
    'transport_sent_messages',
    'Messages that were sent.',
    ({ sentMessages }) => sentMessages,
  ),
  counter(
    'transport_sent_bytes',
    'Bytes of messages that were sent, with their frames.',
    ({ sentBytes }) => sentBytes,
  ),
  counter(
    'transport_dropped_messages',
    'Messages that were dropped: from a full queue, or while the member was away.',
    ({ droppedMessages }) => droppedMessages,
  ),
  counter(
    'transport_received_messages',
    'Messages that arrived.',
    ({ receivedMessages }) => receivedMessages,
  ),
  counter(
    'transport_received_bytes',
    'Bytes of messages that arrived, with their frames.',
    ({ receivedBytes }) => receivedBytes,
  ),
  counter(
    'transport_sent_snapshot_bytes',
    'Bytes of snapshots that were sent; what is sent again counts again.',
    ({ sentSnapshotBytes }) => sentSnapshotBytes,
  ),
  counter(
    'transport_received_snapshot_bytes',
    'Bytes of snapshots that arrived.',
    ({ receivedSnapshotBytes }) => receivedSnapshotBytes,
  ),
  counter(
    'transport_continued_snapshots',
    'Attempts to send a snapshot that went on where an earlier one had ended.',
    ({ continuedSnapshots }) => continuedSnapshots,
  ),
  counter(
    'transport_connections',
    'Connections to members that were made.',
    ({ connections }) => connections,
  ),
  counter(
    'transport_failed_connections',
    'Connections to members that could not be made, or broke.',
    ({ failedConnections }) => failedConnections,
  ),
  counter(
    'transport_refused_connections',
    'Connections of others that were not let in: no member, another cluster, a wrong certificate.',
    ({ refusedConnections }) => refusedConnections,
  ),
];
