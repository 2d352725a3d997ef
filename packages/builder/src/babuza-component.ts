/** What a builder builds: the parts of a node, and one way to close them all. */
import type { MetricsCollector } from '@babuza/metrics';
import {
  defaultBabuzaConfig,
  type BabuzaConfig,
  type Logger,
  type NodeObserver,
  type RaftComponent,
  type SessionManager,
  type SnapshotManager,
  type Transport,
} from '@babuza/raft';
import type { Clock, Random } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import { BuilderConfigError } from './errors.ts';
import { knownTypes, transportRegistry } from './registry.ts';

/** What the builder has made. */
export interface BuiltParts {
  readonly clusterId: bigint;
  readonly nodeId: bigint | undefined;
  readonly storageRootDir: string;
  readonly walManager: WalManager;
  readonly snapshotManager: SnapshotManager;
  readonly sessionManager: SessionManager;
  readonly transport: Transport | undefined;
  readonly metrics: MetricsCollector | undefined;
  readonly observer: NodeObserver | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger | undefined;
}

/** The fields of a node's configuration that its parts do not know. */
export type NodeSettings = Omit<BabuzaConfig, 'clusterId' | 'nodeId' | 'address'>;

/**
 * The parts of one node. `bootstrapRaftCluster` and its like take them over: the node closes them
 * then. Who uses the log alone closes the component.
 */
export class BabuzaComponent implements RaftComponent, AsyncDisposable {
  readonly clusterId: bigint;
  readonly nodeId: bigint | undefined;
  /** Absolute. */
  readonly storageRootDir: string;
  /** The place that holds the logs. */
  readonly walManager: WalManager;
  readonly snapshotManager: SnapshotManager;
  readonly sessionManager: SessionManager;
  /** What collects the metrics of the node; none with `NoMetrics`. */
  readonly metrics: MetricsCollector | undefined;
  readonly observer: NodeObserver | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger | undefined;
  readonly #transport: Transport | undefined;
  #closing: Promise<void> | undefined;

  /** For the builder. */
  constructor(parts: BuiltParts) {
    this.clusterId = parts.clusterId;
    this.nodeId = parts.nodeId;
    this.storageRootDir = parts.storageRootDir;
    this.walManager = parts.walManager;
    this.snapshotManager = parts.snapshotManager;
    this.sessionManager = parts.sessionManager;
    this.metrics = parts.metrics;
    this.observer = parts.observer;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = parts.logger;
    this.#transport = parts.transport;
  }

  /** Throws `BUILDER_CONFIG` where none was chosen: a node cannot be without. */
  get transport(): Transport {
    if (this.#transport !== undefined) return this.#transport;
    const allowed = `one of ${knownTypes(transportRegistry)} for a node`;
    throw new BuilderConfigError('transportType', undefined, allowed);
  }

  /**
   * The configuration of the node that these parts were built for: its ids and its address, the
   * defaults of `defaultBabuzaConfig`, and `changes`.
   *
   * @throws BuilderConfigError (`BUILDER_CONFIG`) without a `nodeId` or a transport, or where the
   * transport does not know its address.
   */
  nodeConfig(changes: Partial<NodeSettings> = {}): BabuzaConfig {
    const { address } = this.transport;
    if (this.nodeId === undefined) {
      throw new BuilderConfigError('nodeId', undefined, 'given where a node is configured');
    }
    if (address === undefined) {
      const allowed = 'a transport that knows the address of its member';
      throw new BuilderConfigError('transportType', undefined, allowed);
    }
    return { ...defaultBabuzaConfig(this.clusterId, this.nodeId, address), ...changes };
  }

  /**
   * Closes all parts, those that depend on others first. A second call returns the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#transport?.close();
    } finally {
      try {
        await this.snapshotManager.close();
      } finally {
        await this.walManager.close();
      }
    }
  }
}
