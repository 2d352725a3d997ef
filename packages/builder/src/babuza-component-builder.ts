/**
 * The one place where parts are chosen and wired. A part is chosen by name, its package is loaded
 * when it is needed, and none that was not chosen is touched. The configuration is checked when the
 * builder is made; what only loading and opening can tell rejects `build`.
 */
import { join } from 'node:path';
import { nodeMetrics, type MetricsCollector } from '@babuza/metrics';
import type {
  SessionManager,
  SnapshotManager,
  Transport,
  TransportBackend,
  TransportIdentity,
} from '@babuza/raft';
import { ExpireSessionManager, LruSessionManager, NoopSessionManager } from '@babuza/session';
import { DurableSnapshotManager, VolatileSnapshotManager } from '@babuza/snapshot';
import { nodeEnvironment } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import { BabuzaComponent } from './babuza-component.ts';
import { checkTransport, checkWalManager } from './choices.ts';
import { checkedConfig, type BuilderConfig, type CheckedConfig } from './config.ts';
import { BuilderConfigError } from './errors.ts';
import { reportExposedDirectories } from './exposed-directories.ts';
import { isTransportBackend, loadBackend, loadTransport } from './load-package.ts';
import { loadPrometheus } from './load-prometheus.ts';
import {
  ExpireSession,
  LruSession,
  NoMetrics,
  transportRegistry,
  VolatileSnapshot,
  walRegistry,
  type RegistryLine,
} from './registry.ts';

/** Below `storageRootDir`. */
const walFolder = 'wal';
const snapshotFolder = 'snap';

export class BabuzaComponentBuilder<
  WalOptions extends object = object,
  TransportOptions extends object = object,
> {
  readonly #config: CheckedConfig<WalOptions, TransportOptions>;

  /** Throws `BuilderConfigError`, code `BUILDER_CONFIG`. */
  constructor(config: BuilderConfig<WalOptions, TransportOptions>) {
    this.#config = checkedConfig(config);
  }

  /**
   * Loads the chosen parts and opens them. Every call opens them anew; a directory has one owner at
   * a time. What was handed in ready made is the same in every call.
   *
   * Rejects with `BUILDER_NOT_INSTALLED`, `BUILDER_BACKEND_UNUSABLE`, or with what a part refuses.
   */
  async build(): Promise<BabuzaComponent> {
    const { clusterId, nodeId, storageRootDir, logger } = this.#config;
    const world = nodeEnvironment();
    const { clock = world.clock, random = world.random } = this.#config;
    const metrics = await this.#metrics();
    const sessionManager = this.#sessionManager();
    const snapshotManager = this.#snapshotManager();
    const transport = await this.#transport({ clock, random });
    // Last, because it is the first that takes hold of anything.
    const walManager = await this.#openWal().catch(async (error: unknown) => {
      if (transport !== this.#config.transportType) await transport?.close();
      throw error;
    });
    if (walManager.capabilities.durable && !snapshotManager.durable) {
      logger?.warn('snapshots in memory beside a durable log: the node cannot start again', {
        storageRootDir,
      });
    }
    // A node whose clock is given lives in a simulated world, and so does its disk.
    if (this.#config.clock === undefined) {
      await reportExposedDirectories(storageRootDir, [walFolder, snapshotFolder], logger);
    }
    return new BabuzaComponent({
      clusterId,
      nodeId,
      storageRootDir,
      walManager,
      snapshotManager,
      sessionManager,
      transport,
      metrics,
      observer: metrics === undefined ? undefined : nodeMetrics(metrics),
      clock,
      random,
      logger,
    });
  }

  async #openWal(): Promise<WalManager> {
    const { walType, walOptions, storageRootDir } = this.#config;
    const backend =
      typeof walType === 'string'
        ? await this.#loaded('walType', walType, walRegistry, loadBackend)
        : walType;
    const manager = await backend.open(join(storageRootDir, walFolder), walOptions);
    checkWalManager(manager);
    return manager;
  }

  async #transport(
    world: Pick<TransportIdentity, 'clock' | 'random'>,
  ): Promise<Transport | undefined> {
    const { transportType: type, transportOptions, clusterId, nodeId, logger } = this.#config;
    if (type === undefined) return undefined;
    let backend: TransportBackend<TransportOptions> | TransportBackend;
    if (typeof type === 'string') {
      backend = await this.#loaded('transportType', type, transportRegistry, loadTransport);
    } else if (isTransportBackend(type)) backend = type;
    else return type;
    if (nodeId === undefined) {
      throw new BuilderConfigError('nodeId', nodeId, 'given where there is a transport');
    }
    const transport = backend.create({ clusterId, nodeId, ...world, logger }, transportOptions);
    checkTransport(transport);
    return transport;
  }

  #snapshotManager(): SnapshotManager {
    const { snapshotType, snapshotOptions, storageRootDir } = this.#config;
    if (typeof snapshotType !== 'string') return snapshotType;
    return snapshotType === VolatileSnapshot
      ? new VolatileSnapshotManager(snapshotOptions)
      : new DurableSnapshotManager(join(storageRootDir, snapshotFolder), snapshotOptions);
  }

  #sessionManager(): SessionManager {
    const { sessionType, sessionOptions } = this.#config;
    if (typeof sessionType !== 'string') return sessionType;
    if (sessionType === LruSession) return new LruSessionManager(sessionOptions);
    if (sessionType === ExpireSession) return new ExpireSessionManager(sessionOptions);
    return new NoopSessionManager();
  }

  async #metrics(): Promise<MetricsCollector | undefined> {
    const { metricType, metricOptions } = this.#config;
    if (typeof metricType !== 'string') return metricType;
    return metricType === NoMetrics ? undefined : loadPrometheus(metricOptions);
  }

  /** The part of a name that is in a registry, and a word where the name is a synonym. */
  async #loaded<Part>(
    field: string,
    type: string,
    registry: readonly RegistryLine[],
    load: (type: string, packageName: string) => Promise<Part>,
  ): Promise<Part> {
    const line = registry.find(({ types }) => types.includes(type));
    if (line === undefined) throw new BuilderConfigError(field, type, 'a name that is known');
    const { types, packageName } = line;
    const part = await load(type, packageName);
    const [canonical] = types;
    if (type !== canonical) {
      this.#config.logger?.info(`${field} '${type}' is a synonym of '${canonical}' here`, {
        [field]: type,
        canonical,
        packageName,
      });
    }
    return part;
  }
}
