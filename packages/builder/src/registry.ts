/**
 * The parts that can be chosen by name: one line per back end. The first name of a line is the
 * canonical one, the others are documented synonyms. A new back end is one more line here.
 * Snapshots and sessions come with the builder; logs and transports are packages that are chosen.
 */

/** The native log; recommended. */
export const BabuzaWal = 'babuza-wal';
/** etcd's own format, byte for byte. */
export const ETCDWal = 'etcd-wal';
/** LevelDB on disk. */
export const LevelWalDisk = 'level-wal';
/** LevelDB's interface in memory: for tests, loses all on exit. */
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
/** Inside one process: for tests and examples. */
export const MemoryTransportType = 'memory';
/** A name of the original design: here a synonym of `MemoryTransportType`. */
export const TcpMemoryTransportType = 'tcp-memory';

/** Snapshots in folders below `storageRootDir`; the default. */
export const DurableSnapshot = 'durable';
/** Snapshots in memory: for tests, loses all on exit. */
export const VolatileSnapshot = 'volatile';

/** Every proposal applies, also one that was sent again. */
export const NoopSession = 'noop';
/** Sessions that end when there are too many; the default. */
export const LruSession = 'lru';
/** Sessions that end when they were not used for long. */
export const ExpireSession = 'expire';

/** Nothing is collected; the default. */
export const NoMetrics = 'none';
/** Metrics for Prometheus, through prom-client. */
export const PrometheusMetrics = 'prometheus';

/** A part that can be chosen, and the package that it is in. */
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

/** Transports of the original design that are not here, and what to use instead. */
export const transportsElsewhere: Readonly<Record<string, string>> = {
  tcp: HttpTransportType,
  grpc: HttpTransportType,
};

export const snapshotTypes: readonly string[] = [DurableSnapshot, VolatileSnapshot];
export const sessionTypes: readonly string[] = [NoopSession, LruSession, ExpireSession];
export const metricTypes: readonly string[] = [NoMetrics, PrometheusMetrics];

/** The line that knows the name. */
export function lineOf(registry: readonly RegistryLine[], type: string): RegistryLine | undefined {
  return registry.find(({ types }) => types.includes(type));
}

/** All names, for people. */
export function knownTypes(registry: readonly RegistryLine[]): string {
  return registry.flatMap(({ types }) => types.map((type) => `'${type}'`)).join(', ');
}
