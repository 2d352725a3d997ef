/** The output of the collector for Prometheus. */
import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { metricDefinitions, nodeMetrics } from '../src/index.ts';
import { PrometheusCollector } from '../src/prometheus.ts';
import { ToldNode } from './support.ts';

describe('the collector for Prometheus', () => {
  it('writes every metric of every node each time it is collected', async () => {
    const registry = new Registry();
    const collectors = [
      new PrometheusCollector({ registry }),
      new PrometheusCollector({ registry }),
    ];
    const nodes = [new ToldNode(2n), new ToldNode(4n, { term: 6 })];
    const ends = nodes.map((node, at) => {
      const collector = collectors[at];
      if (collector === undefined) throw new Error('there are two');
      return nodeMetrics(collector).observe(node);
    });
    await registry.metrics();
    const text = await collectors[0]?.text();
    for (const { name, kind, description } of metricDefinitions) {
      expect(text).toContain(`# HELP ${name} ${description}\n# TYPE ${name} ${kind}\n`);
    }
    expect(text).toContain('babuza_raft_term{cluster="1",node="2",group="3"} 5\n');
    expect(text).toContain('babuza_raft_term{cluster="1",node="4",group="3"} 6\n');
    expect(text).toContain('babuza_wal_saves_total{cluster="1",node="2",group="3"} 10\n');
    expect(collectors[0]?.contentType).toContain('text/plain');

    ends[0]?.();
    const later = await registry.metrics();
    expect(later).not.toContain('node="2"} 5');
    expect(later).toContain('babuza_raft_term{cluster="1",node="4",group="3"} 6\n');
  });

  it('distributions have their buckets', async () => {
    const collector = new PrometheusCollector();
    const node = new ToldNode();
    nodeMetrics(collector).observe(node);
    const group = { type: 'committed', groupId: 3n, saves: 3, entries: 1, bytes: 9 } as const;
    node.tellOfLog({ ...group, durable: true, latencyMs: 0.3 });
    const text = await collector.text();
    const of = 'cluster="1",node="2",group="3"';
    expect(text).toContain(`babuza_wal_batch_saves_bucket{le="2",${of}} 0\n`);
    expect(text).toContain(`babuza_wal_batch_saves_bucket{le="4",${of}} 1\n`);
    expect(text).toContain(`babuza_wal_sync_latency_seconds_sum{${of}} 0.0003\n`);
  });

  it('leaves other metrics in the registry alone', async () => {
    const registry = new Registry();
    new Counter({ name: 'mine', help: 'of the application', registers: [registry] }).inc();
    nodeMetrics(new PrometheusCollector({ registry })).observe(new ToldNode());
    expect(await registry.metrics()).toContain('mine 1\n');
  });
});
