/**
 * The components that can be chosen by name: one line for each back end. The first name of a line
 * is the canonical one; the others are documented synonyms. To add a back end, add a line here.
 * Snapshots and sessions are part of the builder; logs and transports are separate packages.
 */

/** The native log; recommended. */
export const BabuzaWal = 'babuza-wal';
/** etcd's own format, byte for byte. */
export const ETCDWal = 'etcd-wal';
/** LevelDB on disk. */
export const LevelWalDisk = 'level-wal';
/** LevelDB's interface in memory, for tests: all data is lost on exit. */
export const LevelWalMemory = 'level-wal-memory';
/** A name of the original design: here a synonym of `LevelWalDisk`. */
export const BadgerWalDisk = 'badger-wal';
/** A name of the original design: here a synonym of `LevelWalDisk`. */
export const PebbleWalDisk = 'pebble-wal';
/** A name of the original design: here a synonym of `LevelWalMemory`. */
export const BadgerWalMemory = 'badger-wal-memory';
/** A name of the original design: here a synonym of `LevelWalMemory`. */
export const PebbleWalMemory = 'pebble-wal-memory';

/** Raft messages over HTTP. */
export const HttpTransportType = 'http';
/** Messages within one process, for tests and examples. */
export const MemoryTransportType = 'memory';
/** A name of the original design: here a synonym of `MemoryTransportType`. */
export const TcpMemoryTransportType = 'tcp-memory';

/** Snapshots in directories below `storageRootDir`; the default. */
export const DurableSnapshot = 'durable';
/** Snapshots in memory, for tests: all are lost on exit. */
export const VolatileSnapshot = 'volatile';

/** Every proposal is applied, even if it was sent twice. */
export const NoopSession = 'noop';
/** The least recently used sessions end when there are too many; the default. */
export const LruSession = 'lru';
/** Sessions end when they were not used for a while. */
export const ExpireSession = 'expire';

/** No metrics are collected; the default. */
export const NoMetrics = 'none';
/** Metrics for Prometheus, through prom-client. */
export const PrometheusMetrics = 'prometheus';

/** A component that can be chosen, and its package. */
export interface RegistryLine {
  readonly types: readonly [string, ...string[]];
  readonly packageName: string;
}

/** The logs. */
export const walRegistry: readonly RegistryLine[] = [
  { types: [BabuzaWal], packageName: '@babuza/wal-native' },
  { types: [ETCDWal], packageName: '@babuza/wal-etcd' },
  { types: [LevelWalDisk, BadgerWalDisk, PebbleWalDisk], packageName: '@babuza/wal-level-disk' },
  { types: [LevelWalMemory, BadgerWalMemory, PebbleWalMemory], packageName: '@babuza/wal-memory' },
];

/** The transports. */
export const transportRegistry: readonly RegistryLine[] = [
  { types: [HttpTransportType], packageName: '@babuza/transport-http' },
  { types: [MemoryTransportType, TcpMemoryTransportType], packageName: '@babuza/transport-memory' },
];

/** Transports of the original design that do not exist here, and the ones to use instead. */
export const transportsElsewhere: Readonly<Record<string, string>> = {
  tcp: HttpTransportType,
  grpc: HttpTransportType,
};

export const snapshotTypes: readonly string[] = [DurableSnapshot, VolatileSnapshot];
export const sessionTypes: readonly string[] = [NoopSession, LruSession, ExpireSession];
export const metricTypes: readonly string[] = [NoMetrics, PrometheusMetrics];

/** The line with the given name. */
export function lineOf(registry: readonly RegistryLine[], type: string): RegistryLine | undefined {
  return registry.find(({ types }) => types.includes(type));
}

/** All names, for error messages. */
export function knownTypes(registry: readonly RegistryLine[]): string {
  return registry.flatMap(({ types }) => types.map((type) => `'${type}'`)).join(', ');
}
