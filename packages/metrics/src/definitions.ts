/**
 * The definition of a metric. Each metric is declared once, next to the code that reads its value:
 * in `wal-metrics.ts`, `node-metrics.ts` and `transport-metrics.ts`. Names follow the conventions
 * of Prometheus (base units, the unit last, `_total` for counters) and are API.
 */

/** A value that is read when it is collected. */
export interface ValueDefinition {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly description: string;
}

export interface DistributionDefinition {
  readonly kind: 'histogram';
  readonly name: string;
  readonly description: string;
  /** The upper bounds of the buckets, ascending. */
  readonly buckets: readonly number[];
}

/** The labels that every metric has, see `MetricLabels`. */
export const labelNames: readonly ['cluster', 'node', 'group'] = ['cluster', 'node', 'group'];

/** A value, and how to read it from its source. */
export interface ReadValue<Source> extends ValueDefinition {
  readonly read: (source: Source) => number;
}

export function counter<Source>(
  name: string,
  description: string,
  read: (source: Source) => number,
): ReadValue<Source> {
  return { kind: 'counter', name: `babuza_${name}_total`, description, read };
}

export function gauge<Source>(
  name: string,
  description: string,
  read: (source: Source) => number,
): ReadValue<Source> {
  return { kind: 'gauge', name: `babuza_${name}`, description, read };
}

export function histogram(
  name: string,
  description: string,
  buckets: readonly number[],
): DistributionDefinition {
  return { kind: 'histogram', name: `babuza_${name}`, description, buckets };
}

/** Upper bounds that start at `first`, each `factor` times the one before. */
export function bucketsFrom(first: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, power) => first * factor ** power);
}
