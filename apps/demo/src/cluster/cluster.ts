/**
 * The nodes of the demo: one process each, with fixed ports and a fixed directory, and a proxy
 * where the story asks for one.
 */
import { join } from 'node:path';
import { FaultProxy } from '@babuza/transport-http/testing';
import { nodeEnvironment } from '@babuza/vfs';
import { NodeHandle } from './node-handle.ts';
import { canHang } from './hanging-disk.ts';
import type { NodeNotice, NodeSettings, TlsFiles } from './node-protocol.ts';
import { freePorts } from './ports.ts';

export interface ClusterSettings {
  /** The directory of all files of the nodes. */
  readonly directory: string;
  /** The log type of each node; nodes may differ. */
  readonly walTypeOf: (id: bigint) => string;
  /** The number of first members; their ids are 1 to this number. */
  readonly nodes: number;
  /** Puts a proxy before the transport of each node, for partitions. */
  readonly withProxies: boolean;
  /** Whether the disks of the logs can be made to hang. Default: false. */
  readonly withHangingDisks?: boolean | undefined;
  /** The certificates of each node, when members use TLS. */
  readonly tlsOf?: ((id: bigint) => TlsFiles | undefined) | undefined;
  readonly snapshotEntries: number;
  readonly compactionMargin: number;
  readonly onNotice: (id: bigint, notice: NodeNotice) => void;
  readonly onFailure: (id: bigint, message: string) => void;
  /**
   * Called with the function that ends a process before the process starts, so that an interrupt
   * can end it.
   */
  readonly closesFirst?: ((close: () => Promise<void>) => void) | undefined;
}

/** A node of the cluster, whether its process runs or not. */
export interface ClusterNode {
  readonly id: bigint;
  readonly handle: NodeHandle;
  /** The address that the other members use. */
  readonly address: string;
  readonly apiUrl: string;
  readonly proxy: FaultProxy | undefined;
  readonly directory: string;
  /** Its disk can be made to hang. */
  readonly hasHangingDisk: boolean;
  /** Whether the node is one of the first members; others join later. */
  readonly isFirst: boolean;
  readonly ports: { readonly transport: number; readonly api: number };
}

export class Cluster {
  readonly #settings: ClusterSettings;
  readonly #nodes = new Map<bigint, ClusterNode>();
  /** The ids of removed nodes, which are never used again. */
  readonly #removed = new Set<bigint>();
  #isClosed = false;

  private constructor(settings: ClusterSettings) {
    this.#settings = settings;
  }

  /** Starts the first members. What has started already ends when one of them cannot. */
  static async open(settings: ClusterSettings): Promise<Cluster> {
    const cluster = new Cluster(settings);
    settings.closesFirst?.(() => cluster.close());
    try {
      const ids = Array.from({ length: settings.nodes }, (_, at) => BigInt(at + 1));
      for (const id of ids) await cluster.#place(id, true);
      await Promise.all(ids.map((id) => cluster.start(id)));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** Ascending by id. */
  get nodes(): readonly ClusterNode[] {
    return [...this.#nodes.values()];
  }

  get running(): readonly ClusterNode[] {
    return this.nodes.filter(({ handle }) => handle.isRunning);
  }

  node(id: bigint): ClusterNode {
    const node = this.#nodes.get(id);
    if (node !== undefined) return node;
    throw new RangeError(
      this.#removed.has(id) ? `node ${id} was removed for good` : `there is no node ${id}`,
    );
  }

  /**
   * Reserves an id, ports and a directory for another node. Call `start` once the members have
   * added it.
   */
  async prepare(): Promise<ClusterNode> {
    const ids = [...this.#nodes.keys(), ...this.#removed];
    const last = ids.reduce((most, id) => (id > most ? id : most), 0n);
    return this.#place(last + 1n, false);
  }

  /** Starts a node on what its directory holds. */
  async start(id: bigint): Promise<void> {
    const node = this.node(id);
    if (this.#isClosed) throw new Error(`node ${id} does not start: the cluster is closed`);
    node.proxy?.setTarget(undefined);
    const { transportPort } = await node.handle.start(this.#settingsOf(node));
    node.proxy?.setTarget(transportPort);
  }

  /** SIGKILL. */
  async kill(id: bigint): Promise<void> {
    const node = this.node(id);
    node.proxy?.setTarget(undefined);
    await node.handle.kill();
  }

  /** Ends the process of a removed member and forgets the node. */
  async remove(id: bigint): Promise<void> {
    const { handle, proxy } = this.node(id);
    await handle.shutdown();
    this.#nodes.delete(id);
    this.#removed.add(id);
    await proxy?.close();
  }

  /** Drops all traffic between these nodes and the others, in both directions. */
  partition(ids: readonly bigint[]): void {
    for (const node of this.nodes) {
      for (const other of this.nodes) {
        if (ids.includes(node.id) !== ids.includes(other.id)) node.proxy?.cut(other.id);
      }
    }
  }

  heal(): void {
    for (const { proxy } of this.nodes) proxy?.heal();
  }

  /** Ends all nodes; no node starts afterwards. It may be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.nodes.map(({ handle }) => handle.kill()));
    await Promise.all(this.nodes.map(async ({ proxy }) => proxy?.close()));
  }

  async #place(id: bigint, isFirst: boolean): Promise<ClusterNode> {
    const { onNotice, onFailure, directory, withProxies, withHangingDisks, walTypeOf } =
      this.#settings;
    const given = new Set(this.nodes.flatMap(({ ports }) => [ports.transport, ports.api]));
    const [transport = 0, api = 0] = await freePorts(2, given);
    const proxy = withProxies ? await FaultProxy.open(nodeEnvironment().clock) : undefined;
    const handle = new NodeHandle(id, {
      onNotice: (notice) => onNotice(id, notice),
      onFailure: (message) => onFailure(id, message),
    });
    const node: ClusterNode = {
      id,
      handle,
      address: proxy?.address ?? `127.0.0.1:${transport}`,
      apiUrl: `http://127.0.0.1:${api}`,
      proxy,
      directory: join(directory, `node-${id}`),
      hasHangingDisk: withHangingDisks === true && canHang(walTypeOf(id)),
      isFirst,
      ports: { transport, api },
    };
    this.#nodes.set(id, node);
    return node;
  }

  #settingsOf(node: ClusterNode): NodeSettings {
    const { id, address, proxy, directory, hasHangingDisk, isFirst, ports } = node;
    const { walTypeOf, tlsOf, snapshotEntries, compactionMargin } = this.#settings;
    const first = this.nodes.filter((node) => node.isFirst);
    return {
      nodeId: String(id),
      address,
      listenPort: proxy === undefined ? ports.transport : 0,
      apiPort: ports.api,
      directory,
      walType: walTypeOf(id),
      peers: isFirst
        ? first.map((peer) => ({ id: String(peer.id), address: peer.address }))
        : undefined,
      hasHangingDisk,
      snapshotEntries,
      compactionMargin,
      tls: tlsOf?.(id),
    };
  }
}
