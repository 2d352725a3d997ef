/**
 * The longest rungs of the ladder of tests. They are not part of `pnpm test`, which stays short;
 * `pnpm torture` runs them and takes the others as far as their variables say, and so does CI.
 */
export const longLadders: string[] = [
  'packages/wal-native/test/rot.test.ts',
  'packages/wal-native/test/faults-reopen.test.ts',
  'packages/wal-native/test/page-cache.test.ts',
  'packages/wal-etcd/test/page-cache.test.ts',
  'packages/wal-native/test/concurrent-page-cache.test.ts',
  'packages/wal-etcd/test/concurrent-page-cache.test.ts',
  'packages/wal-etcd/test/rot.test.ts',
  'packages/wal-level-disk/test/rot.test.ts',
  'packages/snapshot/test/rot.test.ts',
  'packages/wal-etcd/test/faults-reopen.test.ts',
  'packages/wal-etcd/test/crash-scripts.test.ts',
  'packages/wal-native/test/crash-scripts.test.ts',
  'packages/wal-etcd/test/real-logs.test.ts',
  'packages/wal-etcd/test/fixtures-real.test.ts',
  'test/planted-errors.test.ts',
  'packages/raft-core/test/mutants.test.ts',
  'packages/raft-core/test/mutants-simulation.test.ts',
  'packages/builder/test/cluster-mutants.test.ts',
  'packages/builder/test/back-ends.test.ts',
  'apps/demo/test/cluster-story.test.ts',
  'apps/demo/test/cluster-prompt.test.ts',
  'apps/demo/test/cluster-roles.test.ts',
  'apps/demo/test/cluster-directions.test.ts',
  'apps/demo/test/cluster-hung-disk.test.ts',
  'apps/demo/test/cluster-late-follower.test.ts',
  'apps/demo/test/cluster-tls.test.ts',
  'apps/demo/test/swarm.test.ts',
  'apps/demo/test/demo.test.ts',
  'packages/wal-etcd/test/kill.test.ts',
  'packages/wal-level-disk/test/kill.test.ts',
  'packages/transport-http/test/budget/memory-ladder.test.ts',
  'packages/builder/test/power-cuts.test.ts',
  'packages/builder/test/power-cut-vm.test.ts',
];

/**
 * Those that run short in `pnpm test`, and longer by `BABUZA_CRASH_STATES`, `BABUZA_KILLS`,
 * `BABUZA_CONCURRENT_STATES`, `BABUZA_CONCURRENT_SEEDS`, `BABUZA_SWITCHES`, `BABUZA_FAILING_CALLS`,
 * `BABUZA_SIMULATION_SEEDS`, `BABUZA_CLUSTER_SEEDS` and `BABUZA_OPERATOR_SEEDS`.
 */
export const adjustableLadders: string[] = [
  'packages/wal-native/test/crash.test.ts',
  'packages/wal-native/test/kill.test.ts',
  'packages/wal-etcd/test/crash.test.ts',
  'packages/wal-native/test/concurrent-crash.test.ts',
  'packages/wal-etcd/test/concurrent-crash.test.ts',
  'packages/wal-native/test/concurrent-faults.test.ts',
  'packages/wal-etcd/test/concurrent-faults.test.ts',
  'packages/wal-native/test/interleavings.test.ts',
  'packages/wal-etcd/test/interleavings.test.ts',
  'packages/wal-level-disk/test/failing-calls.test.ts',
  'packages/raft-core/test/simulation-ready-loop.test.ts',
  'packages/raft-core/test/simulation-storage-threads.test.ts',
  'packages/snapshot/test/crash.test.ts',
  'packages/snapshot/test/concurrent-crash.test.ts',
  'packages/snapshot/test/concurrent-faults.test.ts',
  'packages/builder/test/cluster-simulation.test.ts',
  'packages/builder/test/operator-simulation.test.ts',
];

/** Those that no slice leaves out. Of the planted errors each slice takes its share. */
export const everySlice: string[] = [
  'test/planted-errors.test.ts',
  'packages/builder/test/cluster-simulation.test.ts',
  'packages/builder/test/operator-simulation.test.ts',
];
