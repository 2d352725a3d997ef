/**
 * One node of the cluster, as a process of its own: a Raft node over HTTP on a durable log, and its
 * REST API.
 */
import { readFile } from 'node:fs/promises';
import { BabuzaComponentBuilder } from '@babuza/builder';
import { PrometheusCollector } from '@babuza/metrics/prometheus';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  type BabuzaConfig,
  type Raft,
  type RaftEvent,
} from '@babuza/raft';
import { nodeEnvironment } from '@babuza/vfs';
import { HttpTransport, type HttpTransportTls } from '@babuza/transport-http';
import { announceApi } from './announce-api.ts';
import { clusterId } from './cluster-id.ts';
import { serveKeyValueApi, type KeyValueApi } from './api/index.ts';
import { HangingDisk } from './hanging-disk.ts';
import { KeyValueMachine, type KeyValueAnswer, type KeyValueQuery } from './key-value-machine.ts';
import { openNodeLog } from './node-log.ts';
import {
  isNodeRequest,
  type NodeAnswer,
  type NodeNotice,
  type NodeSettings,
  type TlsFiles,
} from './node-protocol.ts';

interface RunningNode {
  readonly raft: Raft<KeyValueQuery, KeyValueAnswer>;
  readonly api: KeyValueApi;
}

/** The time that a node gets to close its log after the demo process has ended. */
const orphanedMs = 2000;

let running: Promise<RunningNode> | undefined;
const environment = nodeEnvironment();
const disk = new HangingDisk(environment.fileSystem);
const ending = new AbortController();

async function start(settings: NodeSettings): Promise<RunningNode> {
  const metrics = new PrometheusCollector();
  const component = await new BabuzaComponentBuilder({
    clusterId,
    nodeId: BigInt(settings.nodeId),
    storageRootDir: settings.directory,
    walType: settings.walType,
    walOptions: settings.hasHangingDisk
      ? { environment: { ...environment, fileSystem: disk.fileSystem } }
      : undefined,
    transportType: 'http',
    transportOptions: {
      address: settings.address,
      listen: { host: '127.0.0.1', port: settings.listenPort },
      tls: settings.tls === undefined ? undefined : await tlsOf(settings.tls),
    },
    snapshotType: 'durable',
    sessionType: 'expire',
    metricType: metrics,
    logger: openNodeLog(settings.directory),
  }).build();
  const config: BabuzaConfig = {
    ...defaultBabuzaConfig(clusterId, BigInt(settings.nodeId), settings.address),
    snapshotEntries: settings.snapshotEntries,
    compactionMargin: settings.compactionMargin,
  };
  const machine = new KeyValueMachine();
  const peers = settings.peers?.map(({ id, address }) => ({ id: BigInt(id), address }));
  const raft =
    peers === undefined
      ? await joinRaftCluster(config, machine, component)
      : await bootstrapRaftCluster(config, peers, machine, component);
  raft.subscribe(report);
  const api = await serveKeyValueApi({
    raft,
    port: settings.apiPort,
    figures: () => figuresOf(raft),
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.text() }),
    report: fail,
  });
  // The API is announced in the background. The node already serves, and the announcement is
  // repeated until it succeeds.
  announceApi(raft, api.url, { signal: ending.signal }).catch(() => undefined);
  const { transport } = component;
  const transportPort = transport instanceof HttpTransport ? transport.listeningPort : undefined;
  const apiPort = Number(new URL(api.url).port);
  tell({ type: 'started', transportPort: transportPort ?? settings.listenPort, apiPort });
  return { raft, api };
}

async function tlsOf({ cert, key, ca }: TlsFiles): Promise<HttpTransportTls> {
  return { cert: await readFile(cert), key: await readFile(key), ca: await readFile(ca) };
}

/** The figures of the process, in addition to the status of the node. */
function figuresOf(raft: Raft<KeyValueQuery, KeyValueAnswer>): object {
  const { heapUsed, external, rss } = process.memoryUsage();
  const { indexBytes, cacheBytes, syncs, bytesWritten } = raft.status().wal;
  const handles = process.getActiveResourcesInfo().length;
  return { heapUsed, external, rss, handles, indexBytes, cacheBytes, syncs, bytesWritten };
}

function report(event: RaftEvent): void {
  if (event.type === 'leadership-acquired' || event.type === 'leadership-lost') {
    tell({ type: event.type, term: event.term });
  } else if (event.type === 'snapshot-taken') {
    tell({ type: event.type, index: event.metadata.index, bytes: event.bytes });
  } else if (event.type === 'snapshot-installed') {
    tell({ type: event.type, index: event.metadata.index });
  } else if (event.type === 'stopped' && event.cause !== undefined) fail(event.cause);
}

/** Send errors are ignored: without a listener this process is about to end. */
function tell(message: NodeAnswer | NodeNotice): void {
  process.send?.(message, undefined, undefined, () => undefined);
}

function fail(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const message = error instanceof Error ? error.message : String(error);
  tell({ type: 'failed', code, message });
}

async function shutdown(): Promise<void> {
  ending.abort();
  disk.release();
  const node = await running?.catch(() => undefined);
  await node?.api.close();
  await node?.raft.shutdown({ transferLeadership: true });
  if (process.connected) process.disconnect();
}

process.on('message', (message: unknown) => {
  if (!isNodeRequest(message)) return;
  if (message.type === 'start') {
    running = start(message.settings);
    running.catch(fail);
  } else if (message.type === 'disk') {
    if (message.hangs) disk.hang();
    else disk.release();
  } else void shutdown();
});
// Ends this process when the demo has ended. It must not wait for other nodes, which end at the
// same time.
process.on('disconnect', () => {
  setTimeout(() => process.exit(1), orphanedMs);
  void shutdown().finally(() => process.exit());
});
