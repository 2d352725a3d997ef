/**
 * A collector for Prometheus that uses prom-client, which must be installed beside this package.
 * Several nodes and several collectors may share a registry: it holds each metric once, with a
 * value for each log or node.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricLabels, MetricsCollector } from './collector.ts';
import { labelNames, type DistributionDefinition, type ValueDefinition } from './definitions.ts';
import { MetricsError } from './errors.ts';

export interface PrometheusOptions {
  /** The registry of the metrics. Default: a new one. */
  readonly registry?: Registry | undefined;
}

interface Reader {
  readonly labels: MetricLabels;
  readonly read: () => number;
}

/** The values that are read when a metric is collected, by registry and name. */
const readersOf = new WeakMap<Registry, Map<string, Set<Reader>>>();
const histogramsOf = new WeakMap<Registry, Map<string, Histogram>>();

export class PrometheusCollector implements MetricsCollector {
  readonly registry: Registry;

  /** Throws `MetricsError` for invalid options. */
  constructor(options: PrometheusOptions = {}) {
    checkOptions(options);
    this.registry = options.registry ?? new Registry();
  }

  /** The content type of the answer to Prometheus. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** The text of the answer to Prometheus. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  observe(definition: ValueDefinition, labels: MetricLabels, read: () => number): () => void {
    const byName = madeOnce(readersOf, this.registry);
    let readers = byName.get(definition.name);
    if (readers === undefined) {
      readers = new Set();
      byName.set(definition.name, readers);
      this.#register(definition, readers);
    }
    const reader: Reader = { labels, read };
    readers.add(reader);
    return () => readers.delete(reader);
  }

  distribution(definition: DistributionDefinition, labels: MetricLabels): (value: number) => void {
    const byName = madeOnce(histogramsOf, this.registry);
    let histogram = byName.get(definition.name);
    if (histogram === undefined) {
      histogram = new Histogram({
        name: definition.name,
        help: definition.description,
        labelNames: [...labelNames],
        buckets: [...definition.buckets],
        registers: [this.registry],
      });
      byName.set(definition.name, histogram);
    }
    const child = histogram.labels({ ...labels });
    return (value) => child.observe(value);
  }

  #register({ kind, name, description }: ValueDefinition, readers: ReadonlySet<Reader>): void {
    const options = {
      name,
      help: description,
      labelNames: [...labelNames],
      registers: [this.registry],
    };
    if (kind === 'gauge') {
      const gauge: Gauge = new Gauge({
        ...options,
        collect: () => {
          gauge.reset();
          for (const { labels, read } of readers) gauge.set({ ...labels }, read());
        },
      });
      return;
    }
    const counter: Counter = new Counter({
      ...options,
      collect: () => {
        counter.reset();
        for (const { labels, read } of readers) counter.inc({ ...labels }, read());
      },
    });
  }
}

function checkOptions(options: PrometheusOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new MetricsError(`the options must be an object, got ${String(options)}`);
  }
  const unknown = Object.keys(options).find((name) => name !== 'registry');
  if (unknown !== undefined) {
    throw new MetricsError(`the option ${unknown} is unknown. The only option is registry`);
  }
  const { registry } = options;
  if (registry === undefined || isRegistry(registry)) return;
  const given = typeof registry === 'object' && registry !== null ? 'an object' : String(registry);
  throw new MetricsError(`registry must be a Registry of prom-client, got ${given}`);
}

/** A registry of another copy of prom-client is accepted, too. */
function isRegistry(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const methods = ['registerMetric', 'metrics'];
  return methods.every((name) => typeof Reflect.get(value, name) === 'function');
}

function madeOnce<T>(all: WeakMap<Registry, Map<string, T>>, registry: Registry): Map<string, T> {
  let made = all.get(registry);
  if (made === undefined) {
    made = new Map();
    all.set(registry, made);
  }
  return made;
}
