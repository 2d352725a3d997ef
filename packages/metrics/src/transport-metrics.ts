/** The metrics of a transport that counts its messages. */
import type { TransportCounts } from '@babuza/raft/ports';
import { counter, gauge, type ReadValue } from './definitions.ts';

export const transportValues: readonly ReadValue<TransportCounts>[] = [
  gauge(
    'transport_connected_peers',
    'Members with an open connection for messages.',
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
    'Bytes of messages that were sent, including their frames.',
    ({ sentBytes }) => sentBytes,
  ),
  counter(
    'transport_dropped_messages',
    'Messages that were dropped because a queue was full or the member was not connected.',
    ({ droppedMessages }) => droppedMessages,
  ),
  counter(
    'transport_received_messages',
    'Messages that were received.',
    ({ receivedMessages }) => receivedMessages,
  ),
  counter(
    'transport_received_bytes',
    'Bytes of messages that were received, including their frames.',
    ({ receivedBytes }) => receivedBytes,
  ),
  counter(
    'transport_sent_snapshot_bytes',
    'Bytes of snapshots that were sent, including bytes that were sent again.',
    ({ sentSnapshotBytes }) => sentSnapshotBytes,
  ),
  counter(
    'transport_received_snapshot_bytes',
    'Bytes of snapshots that were received.',
    ({ receivedSnapshotBytes }) => receivedSnapshotBytes,
  ),
  counter(
    'transport_continued_snapshots',
    'Attempts to send a snapshot that continued where an earlier one ended.',
    ({ continuedSnapshots }) => continuedSnapshots,
  ),
  counter(
    'transport_connections',
    'Connections to members that were opened.',
    ({ connections }) => connections,
  ),
  counter(
    'transport_failed_connections',
    'Connections to members that could not be opened, or broke.',
    ({ failedConnections }) => failedConnections,
  ),
  counter(
    'transport_refused_connections',
    'Connections that were refused: from a node that is not a member, of another cluster, or with a wrong certificate.',
    ({ refusedConnections }) => refusedConnections,
  ),
];
