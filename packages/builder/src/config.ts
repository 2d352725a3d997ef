/**
 * The configuration and its checks, field by field: each error names the field, what was given and
 * what is allowed. A field that is not known is refused, so that a misspelt one, or one of a part
 * that this release does not have, never counts as "default".
 */
import { resolve } from 'node:path';
import type { MetricsCollector } from '@babuza/metrics';
import type { PrometheusOptions } from '@babuza/metrics/prometheus';
import type {
  Logger,
  SessionManager,
  SnapshotManager,
  Transport,
  TransportBackend,
} from '@babuza/raft';
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
  /** The cluster that the node belongs to, from 0 to 2^64 − 1. */
  readonly clusterId: bigint | number;
  /** The node, from 1 to 2^64 − 1. It may be left out by tools that open somebody's log. */
  readonly nodeId?: bigint | number | undefined;
  /** The directory of everything that is stored: the log in `wal` below it, snapshots in `snap`. */
  readonly storageRootDir: string;
  /** The name of a log, such as `BabuzaWal`, or a back end of your own. */
  readonly walType: string | WalBackend<WalOptions>;
  /** Handed to the back end as they are: it knows them, and checks them. */
  readonly walOptions?: WalOptions | undefined;
  /**
   * The name of a transport, a kind of your own, or one that was made. A node needs one, a tool
   * does not.
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
  /** Where all parts report. Default: nowhere. */
  readonly logger?: Logger | undefined;
  /** Time and chance of the node, for simulations. Default: those of the machine. */
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** A configuration whose fields were checked. */
export interface CheckedConfig<
  WalOptions extends object = object,
  TransportOptions extends object = object,
> extends BuilderConfig<WalOptions, TransportOptions> {
  readonly clusterId: bigint;
  readonly nodeId: bigint | undefined;
  /** Absolute. */
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

/** Parts that are handed in, with the methods that they must have. */
const handedIn = {
  logger: ['debug', 'info', 'warn', 'error'],
  clock: ['monotonicMs', 'wallMs', 'startTimer', 'sleep'],
  random: ['uint32'],
} as const;

const idAllowed = (first: number): string => `a bigint or a safe integer from ${first} to 2^64 - 1`;

/** Throws `BuilderConfigError`. */
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

/** Raft uses 0 for "no node". */
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
