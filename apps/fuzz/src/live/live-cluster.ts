/**
 * Three members with real logs and real sockets on the loopback, in this process, and the place of
 * a fourth one that is hostile. Three of four are a quorum, so the honest ones need nobody else.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BabuzaComponentBuilder, BabuzaWal, HttpTransportType } from '@babuza/builder';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type BabuzaConfig,
  type Raft,
  type MemoryStateMachine,
} from '@babuza/raft';
import type { TransportPeer } from '@babuza/raft/ports';
import { Finding } from '../decoder.ts';
import { problemOf } from '../problem.ts';

export const honestIds: readonly bigint[] = [1n, 2n, 3n];
export const hostileId = 4n;
export const clusterId = 1n;

/** Much longer than an election and a write take on a busy machine. */
const recoveryMsMax = 60_000;

type Node = Raft<null, number>;

export class LiveCluster {
  readonly peers: readonly TransportPeer[];
  readonly #directory: string;
  readonly #nodes = new Map<bigint, Node>();
  readonly #stopped = new Map<bigint, string>();

  private constructor(peers: readonly TransportPeer[], directory: string) {
    this.peers = peers;
    this.#directory = directory;
  }

  static async start(): Promise<LiveCluster> {
    const ids = [...honestIds, hostileId];
    const ports = await freePorts(ids.length);
    const peers = ids.map((id, at) => ({ id, address: `127.0.0.1:${ports[at]}` }));
    const cluster = new LiveCluster(peers, await mkdtemp(join(tmpdir(), 'babuza-live-')));
    await Promise.all(honestIds.map((id) => cluster.startNode(id)));
    return cluster;
  }

  configOf(id: bigint): BabuzaConfig {
    return {
      ...defaultBabuzaConfig(clusterId, id, this.addressOf(id)),
      tickMs: 20,
      snapshotEntries: 40,
      compactionMargin: 5,
    };
  }

  addressOf(id: bigint): string {
    return this.peers.find((peer) => peer.id === id)?.address ?? '';
  }

  async startNode(id: bigint): Promise<void> {
    const component = await new BabuzaComponentBuilder({
      clusterId,
      nodeId: id,
      storageRootDir: join(this.#directory, `node-${id}`),
      walType: BabuzaWal,
      transportType: HttpTransportType,
      transportOptions: { address: this.addressOf(id) },
    }).build();
    const node = await bootstrapRaftCluster(
      this.configOf(id),
      this.peers,
      countingMachine(),
      component,
    );
    node.subscribe((event) => {
      if (event.type === 'stopped' && event.cause !== undefined) {
        this.#stopped.set(id, problemOf(event.cause));
      }
    });
    this.#nodes.set(id, node);
  }

  /** Throws where a node has stopped by itself. */
  checkAlive(): void {
    for (const [id, reason] of this.#stopped) {
      throw new Finding(`member ${id} has stopped: ${reason}`);
    }
  }

  /** The highest term and last index of the honest members, and their lowest commit index. */
  status(): { term: number; lastIndex: number; commit: number } {
    const all = [...this.#nodes.values()].map((node) => node.status());
    return {
      term: Math.max(...all.map(({ term }) => term)),
      lastIndex: Math.max(...all.map(({ lastIndex }) => lastIndex)),
      commit: Math.min(...all.map(({ commitIndex }) => commitIndex)),
    };
  }

  /** Makes one write at the current leader. Throws when no write is committed in time. */
  async write(timeoutMs: number = recoveryMsMax): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    let last: unknown;
    while (performance.now() < endMs) {
      this.checkAlive();
      const leader = [...this.#nodes.values()].find((node) => node.leader()?.id === node.nodeId);
      try {
        await leader?.propose(Uint8Array.of(1), { signal: AbortSignal.timeout(1000) });
        if (leader !== undefined) return;
      } catch (error) {
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.checkAlive();
    throw new Finding(
      `no write is committed within ${timeoutMs} ms; the last error: ${String(last)}; ${this.#state()}`,
    );
  }

  /** The status and membership of each member, for the analysis of a failure. */
  #state(): string {
    const texts = [...this.#nodes.values()].map((node) => {
      const { nodeId, role, term, lastIndex, commitIndex } = node.status();
      const members = node.clusterInfo().members.map(({ id, role }) => `${id} ${role}`);
      return `member ${nodeId} is ${role} in term ${term}, last index ${lastIndex}, commit index ${commitIndex}, membership ${members.join(', ')}: ${JSON.stringify(node.readiness())}`;
    });
    return texts.join('; ');
  }

  /**
   * Whether a false commit index keeps a member from voting, which has accepted no append since its
   * start: it cannot know that it has lost nothing. It votes again when it restarts (decision
   * 0017).
   */
  get isHeldByClaim(): boolean {
    return [...this.#nodes.values()].some((node) => {
      const readiness = node.readiness();
      return !readiness.ready && readiness.reason.includes('does not vote or campaign for now');
    });
  }

  async restartAll(): Promise<void> {
    await this.#shutdown();
    for (const id of honestIds) {
      try {
        await this.startNode(id);
      } catch (cause) {
        throw new Finding(`member ${id} does not start again: ${String(cause)}`, { cause });
      }
    }
  }

  async close(): Promise<void> {
    await this.#shutdown().catch(() => undefined);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #shutdown(): Promise<void> {
    const nodes = [...this.#nodes.values()];
    this.#nodes.clear();
    await Promise.all(nodes.map((node) => node.shutdown()));
  }
}

/** It counts what it applies, and takes whatever bytes there are. */
function countingMachine(): MemoryStateMachine<null, number> {
  let count = 0;
  return {
    kind: 'memory',
    async apply(batch) {
      count += batch.length;
      return batch.map(() => undefined);
    },
    async query() {
      return count;
    },
    async saveSnapshot(writer) {
      await writer.write(Uint8Array.of(1, 2, 3));
    },
    async restoreSnapshot(reader) {
      for await (const chunk of reader.read()) count += chunk.length;
    },
    close() {},
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve()))),
  );
  return ports;
}
