/** The result of a builder: the components of a node, and one method that closes them all. */
import type { MetricsCollector } from '@babuza/metrics';
import {
  defaultBabuzaConfig,
  type BabuzaConfig,
  type Logger,
  type RaftComponent,
} from '@babuza/raft';
import type { NodeObserver, SessionManager, SnapshotManager, Transport } from '@babuza/raft/ports';
import type { Clock, Random } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import { BuilderConfigError } from './errors.ts';
import { knownTypes, transportRegistry } from './registry.ts';

/** The components that the builder has created. */
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

/** The fields of a node's configuration that the component does not determine. */
export type NodeSettings = Omit<BabuzaConfig, 'clusterId' | 'nodeId' | 'address'>;

/**
 * The components of one node. `bootstrapRaftCluster` and the other start functions take ownership:
 * the node closes them. A program that uses the log without a node closes the component itself.
 */
export class BabuzaComponent implements RaftComponent, AsyncDisposable {
  readonly clusterId: bigint;
  readonly nodeId: bigint | undefined;
  /** An absolute path. */
  readonly storageRootDir: string;
  /** Manages the logs below the storage directory. */
  readonly walManager: WalManager;
  readonly snapshotManager: SnapshotManager;
  readonly sessionManager: SessionManager;
  /** Collects the metrics of the node; `undefined` with `NoMetrics`. */
  readonly metrics: MetricsCollector | undefined;
  readonly observer: NodeObserver | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger | undefined;
  readonly #transport: Transport | undefined;
  #closing: Promise<void> | undefined;

  /** Called by the builder only. */
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

  /**
   * The transport of the node.
   *
   * @throws BuilderConfigError (`BUILDER_CONFIG`) if no transport was chosen, because a node needs
   * one.
   */
  get transport(): Transport {
    if (this.#transport !== undefined) return this.#transport;
    const allowed = `one of ${knownTypes(transportRegistry)} for a node`;
    throw new BuilderConfigError('transportType', undefined, allowed);
  }

  /**
   * The configuration for a node with these components: its ids and address, the defaults of
   * `defaultBabuzaConfig`, and `changes`.
   *
   * @throws BuilderConfigError (`BUILDER_CONFIG`) without a `nodeId` or a transport, or if the
   * transport does not know its address.
   */
  nodeConfig(changes: Partial<NodeSettings> = {}): BabuzaConfig {
    const { address } = this.transport;
    if (this.nodeId === undefined) {
      throw new BuilderConfigError('nodeId', undefined, 'given for the configuration of a node');
    }
    if (address === undefined) {
      const allowed = 'a transport that knows the address of its member';
      throw new BuilderConfigError('transportType', undefined, allowed);
    }
    return { ...defaultBabuzaConfig(this.clusterId, this.nodeId, address), ...changes };
  }

  /**
   * Closes all components: the transport, then the snapshots, then the log. A second call returns
   * the same promise.
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
