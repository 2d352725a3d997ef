export type { MetricLabels, MetricsCollector } from './collector.ts';
export { MetricsError } from './errors.ts';
export { labelNames } from './definitions.ts';
export type { DistributionDefinition, ValueDefinition } from './definitions.ts';
export { metricDefinitions } from './metric-definitions.ts';
export { nodeMetrics } from './node-metrics.ts';
export { observeWal } from './wal-metrics.ts';
