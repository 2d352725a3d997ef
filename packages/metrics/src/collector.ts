/**
 * What a collector of metrics has to do; `@babuza/metrics/prometheus` is one. Two methods are
 * enough, because nearly all values are counted where they arise and only read when somebody looks.
 */
import type { DistributionDefinition, ValueDefinition } from './definitions.ts';

/** Which log or node a value belongs to; several of one process are told apart by it. */
export interface MetricLabels {
  readonly cluster: string;
  readonly node: string;
  readonly group: string;
}

export interface MetricsCollector {
  /**
   * A counter or a gauge. `read` is called when the value is wanted, and does not throw; a counter
   * never falls while it is observed. The function that is returned ends it.
   */
  observe(definition: ValueDefinition, labels: MetricLabels, read: () => number): () => void;
  /**
   * Values of which the distribution counts, such as latencies: the function that is returned takes
   * one.
   */
  distribution(definition: DistributionDefinition, labels: MetricLabels): (value: number) => void;
}
