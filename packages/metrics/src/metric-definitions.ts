/** All metrics, for documentation and dashboards. */
import type { DistributionDefinition, ValueDefinition } from './definitions.ts';
import {
  raftValues,
  sessionValues,
  snapshotDistributions,
  snapshotValues,
} from './node-metrics.ts';
import { transportValues } from './transport-metrics.ts';
import { walDistributions, walValues } from './wal-metrics.ts';

export const metricDefinitions: readonly (ValueDefinition | DistributionDefinition)[] = [
  ...walValues,
  ...walDistributions,
  ...raftValues,
  ...snapshotValues,
  ...snapshotDistributions,
  ...sessionValues,
  ...transportValues,
];
