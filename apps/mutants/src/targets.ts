/** The folders and files of each package that mutants are made of, and the tests that judge them. */

export interface Target {
  readonly package: string;
  /** Below `packages/<package>/src/`; a name that ends with `/` is a folder. */
  readonly sources: readonly string[];
  /** Packages whose tests run the sources, the package itself first. */
  readonly testsOf: readonly string[];
}

const fileLog = ['writer/', 'recovery/', 'purge/', 'segment/'];

export const targets: readonly Target[] = [
  { package: 'wal-native', sources: fileLog, testsOf: ['wal-native'] },
  { package: 'wal-etcd', sources: fileLog, testsOf: ['wal-etcd'] },
  {
    package: 'wal-level',
    sources: [
      'batches.ts',
      'continuity.ts',
      'database-holder.ts',
      'entry-reader.ts',
      'level-wal.ts',
      'shared-database.ts',
      'stored-logs.ts',
      'testimony.ts',
      'values.ts',
      'witness.ts',
    ],
    testsOf: ['wal-level', 'wal-memory', 'wal-level-disk'],
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
    testsOf: ['wal-core', 'wal-native', 'wal-memory'],
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
    testsOf: ['wal-files', 'wal-native', 'wal-etcd'],
  },
  {
    package: 'raft',
    sources: [
      'append-path.ts',
      'apply-lag.ts',
      'apply-path.ts',
      'chunk-channel.ts',
      'committed-entries.ts',
      'forwarded-requests.ts',
      'hand-over.ts',
      'incoming.ts',
      'loop.ts',
      'membership-changes.ts',
      'proposal-queue.ts',
      'proposals.ts',
      'reads.ts',
      'recorded-snapshots.ts',
      'save-watch.ts',
      'snapshot-pauses.ts',
      'snapshot-sending.ts',
      'snapshots.ts',
      'waiters.ts',
    ],
    testsOf: ['raft', 'builder'],
  },
  { package: 'snapshot', sources: ['./'], testsOf: ['snapshot'] },
  { package: 'session', sources: ['./'], testsOf: ['session'] },
  {
    package: 'transport-http',
    sources: [
      'admission.ts',
      'attempts.ts',
      'body.ts',
      'deliver.ts',
      'frames.ts',
      'http-server.ts',
      'incoming-stream.ts',
      'message-queue.ts',
      'outgoing-stream.ts',
      'pacer.ts',
      'peer.ts',
      'request-link.ts',
      'server.ts',
      'snapshot-fate.ts',
      'snapshot-receiver.ts',
      'snapshot-sender.ts',
      'stall-watch.ts',
      'take-messages.ts',
    ],
    testsOf: ['transport-http'],
  },
];

/** Throws `TypeError` for a package that has no mutants. */
export function targetOf(name: string): Target {
  const target = targets.find((each) => each.package === name);
  if (target !== undefined) return target;
  const names = targets.map((each) => each.package).join(', ');
  throw new TypeError(`there are no mutants of the package '${name}'; there are of ${names}`);
}
