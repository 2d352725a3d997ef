/**
 * The folders and files of each package that mutants are made of, and the tests that judge them.
 */

export interface Target {
  readonly package: string;
  /** Below `packages/<package>/src/`; a name that ends with `/` is a folder. */
  readonly sources: readonly string[];
  /**
   * The packages whose tests judge the mutants. One test file below `packages/` stands for its
   * package where the others would take long and find nothing else.
   */
  readonly tests: readonly string[];
}

const fileLog = ['writer/', 'recovery/', 'purge/', 'segment/'];

export const targets: readonly Target[] = [
  { package: 'wal-native', sources: fileLog, tests: ['wal-native'] },
  { package: 'wal-etcd', sources: fileLog, tests: ['wal-etcd'] },
  {
    package: 'wal-level',
    sources: [
      'batches.ts',
      'read-log.ts',
      'database-holder.ts',
      'entry-reader.ts',
      'level-wal.ts',
      'shared-database.ts',
      'stored-logs.ts',
      'log-digest.ts',
      'values.ts',
      'sync-record.ts',
    ],
    tests: [
      'wal-level',
      'wal-memory',
      'wal-level-disk/test/disk.test.ts',
      'wal-level-disk/test/sync-record-files.test.ts',
    ],
  },
  {
    package: 'wal-core',
    sources: [
      'accepted-log.ts',
      'entry-index.ts',
      'entry-storage.ts',
      'log-state.ts',
      'position-index.ts',
      'queued-wal.ts',
      'ring-cache.ts',
      'save-plan.ts',
    ],
    tests: [
      'wal-core',
      'wal-memory',
      'wal-native/test/conformance.test.ts',
      'wal-native/test/crash.test.ts',
      'wal-native/test/faults.test.ts',
      'wal-native/test/full-disk.test.ts',
      'wal-native/test/transient-faults.test.ts',
    ],
  },
  {
    package: 'wal-files',
    sources: [
      'detach-segments.ts',
      'file-wal-manager.ts',
      'read-buffers.ts',
      'read-steadily.ts',
      'scan-window.ts',
      'segment-list.ts',
      'spare-files.ts',
    ],
    tests: ['wal-files', 'wal-native', 'wal-etcd/test/conformance.test.ts'],
  },
  {
    package: 'raft',
    sources: [
      'driver/append-path.ts',
      'apply/apply-lag.ts',
      'apply/apply-path.ts',
      'snapshots/chunk-channel.ts',
      'apply/committed-entries.ts',
      'proposals/forwarded-requests.ts',
      'leadership/leadership-transfer.ts',
      'incoming/incoming.ts',
      'driver/core-driver.ts',
      'driver/loop.ts',
      'membership/membership-changes.ts',
      'proposals/proposal-queue.ts',
      'proposals/proposals.ts',
      'reads/reads.ts',
      'snapshots/recorded-snapshots.ts',
      'leadership/save-watch.ts',
      'snapshots/snapshot-pauses.ts',
      'snapshots/snapshot-sending.ts',
      'snapshots/snapshots.ts',
      'proposals/waiters.ts',
    ],
    tests: [
      'raft',
      'builder/test/manual-snapshots.test.ts',
      'builder/test/partitions.test.ts',
      'builder/test/unused-snapshots.test.ts',
    ],
  },
  { package: 'snapshot', sources: ['./'], tests: ['snapshot'] },
  { package: 'session', sources: ['./'], tests: ['session'] },
  {
    package: 'transport-http',
    sources: [
      'server/admission.ts',
      'connections/attempts.ts',
      'messages/body.ts',
      'messages/deliver.ts',
      'messages/frames.ts',
      'server/http-server.ts',
      'messages/incoming-stream.ts',
      'messages/message-queue.ts',
      'messages/outgoing-stream.ts',
      'snapshots/pacer.ts',
      'connections/peer.ts',
      'messages/request-link.ts',
      'server/request-order.ts',
      'server/server.ts',
      'snapshots/snapshot-outcome.ts',
      'snapshots/snapshot-receiver.ts',
      'snapshots/snapshot-sender.ts',
      'connections/stall-watch.ts',
      'messages/take-messages.ts',
    ],
    tests: ['transport-http'],
  },
];

/** Throws `TypeError` for a package that has no mutants. */
export function targetOf(name: string): Target {
  const target = targets.find((each) => each.package === name);
  if (target !== undefined) return target;
  const names = targets.map((each) => each.package).join(', ');
  throw new TypeError(`there are no mutants of the package '${name}'; there are of ${names}`);
}
