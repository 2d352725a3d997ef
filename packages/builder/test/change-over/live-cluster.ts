/**
 * Three members over HTTP that listen on all addresses of the machine, so that they need protection
 * or `insecure: true`, and clients that write continuously.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapRaftCluster, defaultBabuzaConfig, type Raft } from '@babuza/raft';
import { HttpTransport, type HttpTransportOptions } from '@babuza/transport-http';
import { FaultProxy } from '@babuza/transport-http/testing';
import { nodeEnvironment } from '@babuza/vfs';
import { expect } from 'vitest';
import { BabuzaComponentBuilder, BabuzaWal } from '../../src/index.ts';
import { eventually } from '../real-cluster.ts';
import { newListMachine } from './list-machine.ts';
import { WritingClients } from './writing-clients.ts';

const { clock } = nodeEnvironment();

/** The options of a member apart from its address. */
export type Protection = Omit<HttpTransportOptions, 'address' | 'listen'>;

export interface LiveNode {
  readonly id: bigint;
  readonly raft: Raft<void, readonly string[]>;
  readonly transport: HttpTransport;
  /** The logged lines of level warn and error. */
  readonly warnings: readonly string[];
}

export const memberIds: readonly bigint[] = [1n, 2n, 3n];
const tickMs = 20;
/**
 * Ten seconds, so that no member campaigns by itself in a passing test: each new term comes from a
 * leadership transfer of the test.
 */
const electionTicks = 500;
/** The election timeout of the member that campaigns first. */
const firstElectionTicks = 10;

export class LiveCluster implements AsyncDisposable {
  readonly #directory: string;
  readonly #proxies: ReadonlyMap<bigint, FaultProxy>;
  readonly #nodes = new Map<bigint, LiveNode>();
  readonly clients: WritingClients = new WritingClients(() => this.#leader());
  /** The terms that the test has asked for. */
  #terms = 0;

  private constructor(directory: string, proxies: ReadonlyMap<bigint, FaultProxy>) {
    this.#directory = directory;
    this.#proxies = proxies;
  }

  /** Starts a cluster and its clients. */
  static async start(protectionOf: (id: bigint) => Protection): Promise<LiveCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'babuza-change-over-'));
    const proxies = new Map<bigint, FaultProxy>();
    for (const id of memberIds) proxies.set(id, await FaultProxy.open(clock));
    const cluster = new LiveCluster(directory, proxies);
    const ticksOf = (id: bigint): number => (id === 1n ? firstElectionTicks : electionTicks);
    await Promise.all(memberIds.map((id) => cluster.#start(id, protectionOf(id), ticksOf(id))));
    await eventually('the first leader', async () => cluster.#leader());
    await cluster.node(1n).raft.transferLeader(2n);
    await cluster.#stop(1n);
    await cluster.#start(1n, protectionOf(1n));
    cluster.#terms = cluster.node(2n).raft.status().term;
    cluster.clients.start();
    await cluster.expectService();
    return cluster;
  }

  node(id: bigint): LiveNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} does not run`);
    return node;
  }

  get nodes(): readonly LiveNode[] {
    return [...this.#nodes.values()];
  }

  /** Restarts a member with other options; resolves when it is ready. */
  async restart(id: bigint, protection: Protection): Promise<LiveNode> {
    await this.#stop(id);
    const node = await this.#start(id, protection);
    await eventually(
      `readiness of node ${id}`,
      async () => node.raft.readiness().ready || undefined,
    );
    return node;
  }

  /** Restarts a member with options with which it may not reach the others. */
  async restartAlone(id: bigint, protection: Protection): Promise<LiveNode> {
    await this.#stop(id);
    return this.#start(id, protection);
  }

  async lead(id: bigint): Promise<void> {
    const leader = await eventually('a leader', async () => this.#leader());
    if (leader.id === id) return;
    this.#terms += 1;
    await leader.raft.transferLeader(id);
  }

  /** Makes each member the leader in turn and checks that writes then reach all members. */
  async expectEachToLead(): Promise<void> {
    for (const id of memberIds) {
      await this.lead(id);
      await this.expectService();
    }
  }

  /** Waits until more writes are acknowledged and the members in `ids` have applied them. */
  async expectService(ids: readonly bigint[] = memberIds): Promise<void> {
    await this.clients.someMore();
    const leader = await eventually('a leader', async () => this.#leader());
    const { commitIndex } = leader.raft.status();
    for (const id of ids) {
      const { raft } = this.node(id);
      await eventually(`index ${commitIndex} at node ${id}`, async () =>
        raft.status().appliedIndex >= commitIndex ? true : undefined,
      );
    }
  }

  /**
   * Stops the clients and checks that all members have applied the same: each write once, and all
   * acknowledged ones. No member may have campaigned without being asked.
   */
  async expectNothingLost(): Promise<void> {
    await this.clients.end();
    await eventually('agreement', async () => {
      const indexes = this.nodes.map(({ raft }) => raft.status().appliedIndex);
      const last = this.#leader()?.raft.status().lastIndex;
      return indexes.every((index) => index === last) ? true : undefined;
    });
    const [first = [], ...others] = await Promise.all(
      this.nodes.map(({ raft }) => raft.staleRead()),
    );
    for (const other of others) expect(other).toEqual(first);
    const kept = new Set(first);
    expect(kept.size).toBe(first.length);
    expect(this.clients.acknowledged.filter((value) => !kept.has(value))).toEqual([]);
    for (const { raft } of this.nodes) expect(raft.status().term).toBe(this.#terms);
  }

  /** Waits until the node has refused more connections than `before`. */
  async expectRefusals({ id, transport }: LiveNode, before: number): Promise<void> {
    await eventually(`refused connections at node ${id}`, async () =>
      transport.counts().refusedConnections > before ? true : undefined,
    );
  }

  /** Waits until the node has logged this warning. */
  async expectTold({ id, warnings }: LiveNode, text: string): Promise<void> {
    await eventually(`"${text}" in the log of node ${id}`, async () =>
      warnings.some((line) => line.includes(text)) ? true : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A failed test already has an error of its own.
    await this.clients.end().catch(() => undefined);
    await Promise.all(this.nodes.map(({ raft }) => raft.shutdown()));
    for (const proxy of this.#proxies.values()) await proxy.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #leader(): LiveNode | undefined {
    return this.nodes.find(({ raft }) => raft.leader()?.id === raft.nodeId);
  }

  #proxyOf(id: bigint): FaultProxy {
    const proxy = this.#proxies.get(id);
    if (proxy === undefined) throw new Error(`there is no member ${id}`);
    return proxy;
  }

  async #stop(id: bigint): Promise<void> {
    const { raft } = this.node(id);
    if (this.#leader()?.id === id) this.#terms += 1;
    await raft.shutdown({ transferLeadership: true });
    this.#nodes.delete(id);
    this.#proxyOf(id).setTarget(undefined);
  }

  async #start(id: bigint, protection: Protection, ticks = electionTicks): Promise<LiveNode> {
    const { address } = this.#proxyOf(id);
    const warnings: string[] = [];
    const warn = (message: string, fields?: object): void =>
      void warnings.push(`${message} ${Object.values(fields ?? {}).join(' ')}`);
    const component = await new BabuzaComponentBuilder({
      clusterId: 1,
      nodeId: id,
      storageRootDir: join(this.#directory, `node-${id}`),
      walType: BabuzaWal,
      walOptions: { segmentBytes: 1024 * 1024 },
      transportType: 'http',
      transportOptions: { address, listen: { host: '0.0.0.0', port: 0 }, ...protection },
      logger: { debug: () => undefined, info: () => undefined, warn, error: warn },
    }).build();
    const { transport } = component;
    if (!(transport instanceof HttpTransport)) throw new Error('it is another transport');
    const config = { ...defaultBabuzaConfig(1, id, address), tickMs, electionTicks: ticks };
    const peers = memberIds.map((peer) => ({ id: peer, address: this.#proxyOf(peer).address }));
    const raft = await bootstrapRaftCluster(config, peers, newListMachine(), component);
    this.#proxyOf(id).setTarget(transport.listeningPort);
    const node = { id, raft, transport, warnings };
    this.#nodes.set(id, node);
    return node;
  }
}
