/** The components besides the log: by name, by default, as objects, and with their options. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TransportBackend, TransportIdentity } from '@babuza/raft/ports';
import { PrometheusCollector } from '@babuza/metrics/prometheus';
import { ExpireSessionManager, LruSessionManager, NoopSessionManager } from '@babuza/session';
import { DurableSnapshotManager, VolatileSnapshotManager } from '@babuza/snapshot';
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { MemoryNetwork, MemoryTransport } from '@babuza/transport-memory';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as entryPoint from '../src/index.ts';

const { BabuzaComponentBuilder } = entryPoint;
const clock = new SimulatedClock();
const random = new SeededRandom(1);
const network = new MemoryNetwork({ clock, random });
const address = 'host-1';

let storageRootDir = '';
const base = { clusterId: 7, nodeId: 3, walType: entryPoint.LevelWalMemory };

beforeAll(async () => {
  storageRootDir = await mkdtemp(join(tmpdir(), 'babuza-builder-'));
});

afterAll(() => rm(storageRootDir, { recursive: true }));

type Config = Omit<entryPoint.BuilderConfig, 'clusterId' | 'nodeId' | 'walType' | 'storageRootDir'>;

const built = (config: Config = {}): Promise<entryPoint.BabuzaComponent> =>
  new BabuzaComponentBuilder({ ...base, storageRootDir, ...config }).build();

describe('by name', () => {
  it('snapshots: durable by default, below storageRootDir; volatile', async () => {
    const component = await built();
    expect(component.snapshotManager).toBeInstanceOf(DurableSnapshotManager);
    expect(existsSync(join(storageRootDir, 'snap'))).toBe(false);
    await component.snapshotManager.open(0n);
    expect(existsSync(join(storageRootDir, 'snap'))).toBe(true);
    await component.close();
    const { snapshotManager } = await built({ snapshotType: entryPoint.VolatileSnapshot });
    expect(snapshotManager).toBeInstanceOf(VolatileSnapshotManager);
  });

  it('sessions: lru by default; expire; noop', async () => {
    const kinds = [
      undefined,
      entryPoint.LruSession,
      entryPoint.ExpireSession,
      entryPoint.NoopSession,
    ];
    const managers = [];
    for (const sessionType of kinds) managers.push((await built({ sessionType })).sessionManager);
    expect(managers.map((manager) => manager.constructor)).toEqual([
      LruSessionManager,
      LruSessionManager,
      ExpireSessionManager,
      NoopSessionManager,
    ]);
  });

  it('metrics: none by default; for Prometheus', async () => {
    const without = await built();
    expect([without.metrics, without.observer]).toEqual([undefined, undefined]);
    const registry = new Registry();
    const { metrics, observer } = await built({
      metricType: entryPoint.PrometheusMetrics,
      metricOptions: { registry },
    });
    expect(metrics).toBeInstanceOf(PrometheusCollector);
    expect(metrics).toMatchObject({ registry });
    expect(observer).toBeDefined();
  });

  it('transports: memory, and its synonym, which is logged', async () => {
    const lines: [string, unknown][] = [];
    const note = (message: string, fields: unknown): void => void lines.push([message, fields]);
    const logger = { debug: note, info: note, warn: note, error: note };
    const transportOptions = { network, address };
    for (const transportType of [
      entryPoint.MemoryTransportType,
      entryPoint.TcpMemoryTransportType,
    ]) {
      const component = await built({ transportType, transportOptions, logger });
      expect(component.transport).toBeInstanceOf(MemoryTransport);
      expect(component.transport).toMatchObject({ nodeId: 3n, address });
      await component.close();
    }
    expect(lines).toEqual([
      [
        "transportType 'tcp-memory' is a synonym of 'memory' here",
        {
          transportType: 'tcp-memory',
          canonical: 'memory',
          packageName: '@babuza/transport-memory',
        },
      ],
    ]);
  });

  it('the transport over HTTP gets its options, and says what is wrong with them', async () => {
    const { HttpTransportType: transportType } = entryPoint;
    const transportOptions = { address: '127.0.0.1:7101' };
    const { transport } = await built({ transportType, transportOptions });
    await transport.close();
    await expect(built({ transportType })).rejects.toThrow('the option transportOptions must be');
  });

  it('a log without a transport is for tools; a node says what it lacks', async () => {
    const component = await built();
    expect(() => component.transport).toThrow(
      expect.objectContaining({ code: 'BUILDER_CONFIG', field: 'transportType' }),
    );
    await component.close();
  });

  it('snapshots in memory with a durable log are worth a warning', async () => {
    const lines: string[] = [];
    const note = (message: string): void => void lines.push(message);
    const logger = { debug: note, info: note, warn: note, error: note };
    const component = await new BabuzaComponentBuilder({
      ...base,
      storageRootDir,
      walType: entryPoint.BabuzaWal,
      snapshotType: entryPoint.VolatileSnapshot,
      logger,
    }).build();
    expect(lines).toEqual([expect.stringContaining('the node cannot restart')]);
    await component.close();
  });
});

describe('options', () => {
  it('reach their part, which says what they cannot be', async () => {
    await expect(built({ snapshotOptions: { chunkBytes: -1 } })).rejects.toMatchObject({
      code: 'SNAPSHOT_INVALID',
    });
    await expect(built({ sessionOptions: { sessionsMax: 0 } })).rejects.toMatchObject({
      code: 'SESSION_INVALID',
    });
    await expect(
      built({ transportType: 'memory', transportOptions: { address } }),
    ).rejects.toMatchObject({ code: 'TRANSPORT_INVALID' });
  });
});

describe('handed in', () => {
  it('parts of one’s own are used as they are', async () => {
    const parts = {
      snapshotType: new VolatileSnapshotManager(),
      sessionType: new NoopSessionManager(),
      metricType: new PrometheusCollector(),
      transportType: new MemoryTransport({ network, clock, clusterId: 7n, nodeId: 3n, address }),
    };
    const logger = console;
    const component = await built({ ...parts, logger, clock, random });
    expect(component).toMatchObject({ clock, random, logger });
    expect([
      component.snapshotManager,
      component.sessionManager,
      component.metrics,
      component.transport,
    ]).toEqual(Object.values(parts));
  });

  it('a kind of transport is made for the node, with its options', async () => {
    const made: [TransportIdentity, object | undefined][] = [];
    const backend: TransportBackend<{ port: number }> = {
      types: ['own'],
      create: (identity, options) => {
        made.push([identity, options]);
        return new MemoryTransport({ network, ...identity, address });
      },
    };
    const config = { ...base, storageRootDir, transportType: backend, clock, random };
    const builder = new BabuzaComponentBuilder({ ...config, transportOptions: { port: 1 } });
    const component = await builder.build();
    expect(made).toEqual([
      [{ clusterId: 7n, nodeId: 3n, clock, random, logger: undefined }, { port: 1 }],
    ]);
    await component.close();
    const anonymous = new BabuzaComponentBuilder({ ...config, nodeId: undefined });
    await expect(anonymous.build()).rejects.toMatchObject({
      code: 'BUILDER_CONFIG',
      field: 'nodeId',
    });
  });

  it('closing ends all of them, the log too where another one fails to end', async () => {
    const transport = new MemoryTransport({ network, clock, clusterId: 7n, nodeId: 3n, address });
    const failure = new Error('stuck');
    transport.close = () => Promise.reject(failure);
    const component = await built({ transportType: transport });
    await expect(component.close()).rejects.toBe(failure);
    await expect(component.walManager.hasExistingWal()).rejects.toMatchObject({
      code: 'WAL_CLOSED',
    });
  });
});
