/** The configuration of a builder, as the user gives it and as the checks leave it. */
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
import { type WalBackend } from '@babuza/wal-core';

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
