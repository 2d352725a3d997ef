/**
 * The configuration and its checks, field by field. Each error names the field, the value that was
 * given and the values that are allowed. An unknown field is refused, so that a misspelt one, or
 * one of another release, is not silently ignored.
 */
import { resolve } from 'node:path';
import type { MetricsCollector } from '@babuza/metrics';
import type { PrometheusOptions } from '@babuza/metrics/prometheus';
import type { Logger } from '@babuza/raft';
import type {
  SessionManager,
  SnapshotManager,
  Transport,
  TransportBackend,
} from '@babuza/raft/ports';
import type { ExpireSessionOptions, LruSessionOptions } from '@babuza/session';
import type { SnapshotManagerOptions } from '@babuza/snapshot';
import type { Clock, Random } from '@babuza/vfs';
import { checkedId, type WalBackend } from '@babuza/wal-core';
import { checkChoices } from './choices.ts';
import { BuilderConfigError } from './errors.ts';
import { fieldsOf } from './fields.ts';
import { hasMethods } from './load-package.ts';
import { DurableSnapshot, LruSession, NoMetrics } from './registry.ts';

export interface BuilderConfig<
  WalOptions extends object = object,
  TransportOptions extends object = object,
> {
  /** The id of the cluster, from 0 to 2^64 − 1. */
  readonly clusterId: bigint | number;
  /** The id of the node, from 1 to 2^64 − 1. A tool that only opens a log may leave it out. */
  readonly nodeId?: bigint | number | undefined;
  /** The directory of all stored data: the log in `wal` and the snapshots in `snap` below it. */
  readonly storageRootDir: string;
  /** The name of a log, such as `BabuzaWal`, or a back end of your own. */
  readonly walType: string | WalBackend<WalOptions>;
  /** The options of the back end, which checks them itself. */
  readonly walOptions?: WalOptions | undefined;
  /**
   * The name of a transport, such as `HttpTransportType`, a back end of your own, or a ready-made
   * transport. A node needs one; a tool that only opens a log does not.
   */
  readonly transportType?: string | TransportBackend<TransportOptions> | Transport | undefined;
  readonly transportOptions?: TransportOptions | undefined;
  /** `DurableSnapshot` (default), `VolatileSnapshot`, or a snapshot manager of your own. */
  readonly snapshotType?: string | SnapshotManager | undefined;
  readonly snapshotOptions?: SnapshotManagerOptions | undefined;
  /** `LruSession` (default), `ExpireSession`, `NoopSession`, or a session manager of your own. */
  readonly sessionType?: string | SessionManager | undefined;
  readonly sessionOptions?: LruSessionOptions | ExpireSessionOptions | undefined;
  /** `NoMetrics` (default), `PrometheusMetrics`, or a collector of your own. */
  readonly metricType?: string | MetricsCollector | undefined;
  readonly metricOptions?: PrometheusOptions | undefined;
  /** The logger of all components. Default: nothing is logged. */
  readonly logger?: Logger | undefined;
  /**
   * The clock and the random numbers of the node, for simulations. Default: those of the machine.
   */
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** A configuration whose fields were checked and have their defaults. */
export interface CheckedConfig<
  WalOptions extends object = object,
  TransportOptions extends object = object,
> extends BuilderConfig<WalOptions, TransportOptions> {
  readonly clusterId: bigint;
  readonly nodeId: bigint | undefined;
  /** An absolute path. */
  readonly storageRootDir: string;
  readonly snapshotType: string | SnapshotManager;
  readonly sessionType: string | SessionManager;
  readonly metricType: string | MetricsCollector;
}

const optionFields = [
  'walOptions',
  'transportOptions',
  'snapshotOptions',
  'sessionOptions',
  'metricOptions',
] as const;

/** Ready-made objects, with the methods that they must have. */
const handedIn = {
  logger: ['debug', 'info', 'warn', 'error'],
  clock: ['monotonicMs', 'wallMs', 'startTimer', 'sleep'],
  random: ['uint32'],
} as const;

const idAllowed = (first: number): string => `a bigint or a safe integer from ${first} to 2^64 - 1`;

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws BuilderConfigError (`BUILDER_CONFIG`) for the first field that is not valid.
 */
export function checkedConfig<WalOptions extends object, TransportOptions extends object>(
  config: BuilderConfig<WalOptions, TransportOptions>,
): CheckedConfig<WalOptions, TransportOptions> {
  if (!isObject(config)) {
    throw new BuilderConfigError('the configuration', config, 'an object');
  }
  const fields = fieldsOf(config);
  const { nodeId, storageRootDir } = fields;
  if (
    typeof storageRootDir !== 'string' ||
    storageRootDir === '' ||
    storageRootDir.includes('\0')
  ) {
    throw new BuilderConfigError('storageRootDir', storageRootDir, 'the path of a directory');
  }
  const checked = {
    ...fields,
    clusterId: idOf('clusterId', fields.clusterId, 0),
    nodeId: nodeId === undefined ? undefined : idOf('nodeId', nodeId, 1),
    storageRootDir: resolve(storageRootDir),
    snapshotType: fields.snapshotType === undefined ? DurableSnapshot : fields.snapshotType,
    sessionType: fields.sessionType === undefined ? LruSession : fields.sessionType,
    metricType: fields.metricType === undefined ? NoMetrics : fields.metricType,
  };
  checkObjects(checked);
  checkChoices(checked);
  return checked;
}

/** `first` is 1 for node ids, because Raft uses 0 for "no node". */
function idOf(field: string, given: bigint | number, first: number): bigint {
  let id: bigint;
  try {
    id = checkedId(field, given);
  } catch {
    throw new BuilderConfigError(field, given, idAllowed(first));
  }
  if (id < first) throw new BuilderConfigError(field, given, idAllowed(first));
  return id;
}

function checkObjects(config: CheckedConfig): void {
  for (const field of optionFields) {
    const options = config[field];
    if (options !== undefined && !isObject(options)) {
      throw new BuilderConfigError(field, options, 'an object, or left out');
    }
  }
  for (const field of ['logger', 'clock', 'random'] as const) {
    const part = config[field];
    const methods = handedIn[field];
    if (part === undefined || hasMethods(part, methods)) continue;
    const named = [methods.slice(0, -1).join(', '), methods.at(-1)].filter(Boolean).join(' and ');
    const what = methods.length === 1 ? 'the method' : 'the methods';
    throw new BuilderConfigError(field, part, `an object with ${what} ${named}, or left out`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
