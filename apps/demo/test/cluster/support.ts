/** A cluster in this process: logs and transport in memory, real sockets for clients. */
import { bootstrapRaftCluster, defaultBabuzaConfig, joinRaftCluster } from '@babuza/raft';
import type { BabuzaConfig } from '@babuza/raft';
import { BabuzaComponentBuilder } from '@babuza/builder';
import { MemoryNetwork } from '@babuza/transport-memory';
import { nodeEnvironment } from '@babuza/vfs';
import {
  apiServiceName,
  type AdmissionOptions,
  serveKeyValueApi,
  type ApiLimits,
  type KeyValueApi,
  type KeyValueRaft,
} from '../../src/cluster/api/index.ts';
import { KeyValueMachine } from '../../src/cluster/key-value-machine.ts';

const { clock, random } = nodeEnvironment();

export interface TestNode {
  readonly id: bigint;
  readonly raft: KeyValueRaft;
  readonly machine: KeyValueMachine;
  readonly api: KeyValueApi;
}

export interface TestOptions {
  readonly limits?: Partial<ApiLimits>;
  readonly admission?: AdmissionOptions;
  readonly sessionsMax?: number;
  readonly snapshotEntries?: number;
}

export const addressOf = (id: bigint): string => `host-${id}`;

export class TestCluster implements AsyncDisposable {
  readonly nodes = new Map<bigint, TestNode>();
  readonly network = new MemoryNetwork({ clock, random });
  readonly reported: unknown[] = [];
  readonly #options: TestOptions;

  private constructor(options: TestOptions) {
    this.#options = options;
  }

  /** Of so many members, all of which know where the others serve clients. */
  static async start(count: number, options: TestOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    const ids = Array.from({ length: count }, (_, at) => BigInt(at + 1));
    const peers = ids.map((id) => ({ id, address: addressOf(id) }));
    await Promise.all(ids.map((id) => cluster.startNode(id, peers)));
    for (const { id, api } of cluster.nodes.values()) {
      await cluster.atLeader((raft) =>
        raft.publishApplicationService({ name: apiServiceName, address: api.url, id }),
      );
    }
    return cluster;
  }

  /** Without peers it joins. */
  async startNode(
    id: bigint,
    peers?: readonly { readonly id: bigint; readonly address: string }[],
  ): Promise<TestNode> {
    const { sessionsMax = 128, snapshotEntries = Infinity, limits = {} } = this.#options;
    const { admission = {} } = this.#options;
    const address = addressOf(id);
    const component = await new BabuzaComponentBuilder({
      clusterId: 1,
      nodeId: id,
      storageRootDir: `/nowhere/node-${id}`,
      walType: 'level-wal-memory',
      snapshotType: 'volatile',
      sessionType: 'lru',
      sessionOptions: { sessionsMax },
      transportType: 'memory',
      transportOptions: { network: this.network, address },
    }).build();
    const config: BabuzaConfig = {
      ...defaultBabuzaConfig(1, id, address),
      tickMs: 10,
      snapshotEntries,
      compactionMargin: 5,
      readTimeoutMs: 500,
      readRetryMs: 50,
    };
    const machine = new KeyValueMachine();
    const raft = await (peers === undefined
      ? joinRaftCluster(config, machine, component)
      : bootstrapRaftCluster(config, [...peers], machine, component));
    const api = await serveKeyValueApi({
      raft,
      limits,
      ...admission,
      figures: () => ({ bigFigure: 2n ** 60n }),
      metrics: () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
      report: (error) => this.reported.push(error),
    });
    const node = { id, raft, machine, api };
    this.nodes.set(id, node);
    return node;
  }

  node(id: bigint): TestNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} does not run`);
    return node;
  }

  get urls(): string[] {
    return [...this.nodes.values()].map(({ api }) => api.url);
  }

  leader(): Promise<TestNode> {
    return eventually('a leader', () =>
      [...this.nodes.values()].find(({ raft }) => raft.status().role === 'leader'),
    );
  }

  /** A member that knows who leads, and does not. */
  follower(): Promise<TestNode> {
    return eventually('a follower', () =>
      [...this.nodes.values()].find(({ raft }) => {
        const leader = raft.leader();
        return leader !== undefined && leader.id !== raft.nodeId;
      }),
    );
  }

  /** Does something at the leader, again where leadership has moved meanwhile. */
  async atLeader(act: (raft: KeyValueRaft) => Promise<unknown>): Promise<void> {
    await eventually('an answer of the leader', async () => {
      try {
        await act((await this.leader()).raft);
        return true;
      } catch {
        return undefined;
      }
    });
  }

  /** It goes as a process does: silent to the others first, then its sockets. */
  async kill(id: bigint): Promise<void> {
    const { raft, api } = this.node(id);
    this.network.isolate(addressOf(id));
    this.nodes.delete(id);
    await Promise.all([api.close(), raft.shutdown()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.nodes.values()].map(({ api }) => api.close()));
    await Promise.all([...this.nodes.values()].map(({ raft }) => raft.shutdown()));
  }
}

/** What `ask` gives at last; the tests' own timeout is the limit. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  for (let attempt = 0; attempt < 4000; attempt += 1) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await clock.sleep(5);
  }
  throw new Error(`${what} did not come about`);
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
