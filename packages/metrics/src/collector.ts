/**
 * A collector of metrics. `@babuza/metrics/prometheus` is one. It has only two methods, because
 * nearly all values are counted at their source and read when they are collected.
 */
import type { DistributionDefinition, ValueDefinition } from './definitions.ts';

/** The labels that identify the log or node of a value within a process. */
export interface MetricLabels {
  readonly cluster: string;
  readonly node: string;
  readonly group: string;
}

export interface MetricsCollector {
  /**
   * Adds a counter or a gauge and returns a function that removes it. `read` returns the current
   * value and does not throw. A counter never decreases while it is observed.
   */
  observe(definition: ValueDefinition, labels: MetricLabels, read: () => number): () => void;
  /** Adds a distribution, such as of latencies, and returns a function that records one value. */
  distribution(definition: DistributionDefinition, labels: MetricLabels): (value: number) => void;
}
