/**
 * Chooses and connects the components of a node. A component is chosen by name; its package is
 * loaded by `build`, and packages that were not chosen are never loaded. The constructor checks the
 * configuration. `build` rejects with problems that appear only when a component is loaded or
 * opened.
 */
import { join } from 'node:path';
import { nodeMetrics, type MetricsCollector } from '@babuza/metrics';
import type {
  SessionManager,
  SnapshotManager,
  Transport,
  TransportBackend,
  TransportIdentity,
} from '@babuza/raft/ports';
import { ExpireSessionManager, LruSessionManager, NoopSessionManager } from '@babuza/session';
import { DurableSnapshotManager, VolatileSnapshotManager } from '@babuza/snapshot';
import { nodeEnvironment } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import { BabuzaComponent } from './babuza-component.ts';
import { checkTransport, checkWalManager } from './choices.ts';
import { checkedConfig } from './config.ts';
import type { BuilderConfig, CheckedConfig } from './builder-config.ts';
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

/** Names of directories below `storageRootDir`. */
const walFolder = 'wal';
const snapshotFolder = 'snap';

export class BabuzaComponentBuilder<
  WalOptions extends object = object,
  TransportOptions extends object = object,
> {
  readonly #config: CheckedConfig<WalOptions, TransportOptions>;

  /** @throws BuilderConfigError (`BUILDER_CONFIG`) if a field of the configuration is not valid. */
  constructor(config: BuilderConfig<WalOptions, TransportOptions>) {
    this.#config = checkedConfig(config);
  }

  /**
   * Loads and opens the chosen components. Every call opens them again, and a directory can be open
   * only once at a time. Components that were passed in ready-made are the same in every call.
   *
   * Rejects with `BUILDER_NOT_INSTALLED`, `BUILDER_BACKEND_UNUSABLE`, or the error of a component
   * that cannot be opened.
   */
  async build(): Promise<BabuzaComponent> {
    const { clusterId, nodeId, storageRootDir, logger } = this.#config;
    const world = nodeEnvironment();
    const { clock = world.clock, random = world.random } = this.#config;
    const metrics = await this.#metrics();
    const sessionManager = this.#sessionManager();
    const snapshotManager = this.#snapshotManager();
    const transport = await this.#transport({ clock, random });
    // The log is opened last, because it is the first component that holds resources.
    const walManager = await this.#openWal().catch(async (error: unknown) => {
      if (transport !== this.#config.transportType) await transport?.close();
      throw error;
    });
    if (walManager.capabilities.durable && !snapshotManager.durable) {
      logger?.warn('snapshots in memory with a durable log: the node cannot restart', {
        storageRootDir,
      });
    }
    // A given clock means a simulation, whose disk is simulated as well.
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
      throw new BuilderConfigError('nodeId', nodeId, 'given if there is a transport');
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

  /** Loads the component that a registry has for the name. Logs a line if the name is a synonym. */
  async #loaded<Part>(
    field: string,
    type: string,
    registry: readonly RegistryLine[],
    load: (type: string, packageName: string) => Promise<Part>,
  ): Promise<Part> {
    const line = registry.find(({ types }) => types.includes(type));
    if (line === undefined) throw new BuilderConfigError(field, type, 'a known name');
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
