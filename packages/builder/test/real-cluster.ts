/** A cluster that the builder has built, on a real disk and the real clock. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  recoverAsStandalone,
  type BabuzaConfig,
  type Raft,
} from '@babuza/raft';
import { nodeEnvironment } from '@babuza/vfs';
import { BabuzaComponentBuilder } from '../src/index.ts';
import {
  encodeCommand,
  keyValueMachine,
  type KeyValueMachine,
} from './cluster/key-value-machine.ts';
import { AppliedLedger } from './cluster/ledger.ts';
import { openNetwork, type NetworkKind, type RealNetwork } from './real-network.ts';

export interface RealNode {
  readonly id: bigint;
  readonly raft: Raft<string, string | undefined>;
  readonly machine: KeyValueMachine;
}

const { clock } = nodeEnvironment();

export class RealCluster {
  readonly nodes = new Map<bigint, RealNode>();
  readonly #network: Promise<RealNetwork>;
  readonly #ledger = new AppliedLedger();
  readonly #walTypeOf: (id: bigint) => string;
  readonly #directory: Promise<string>;

  /** `walTypeOf`: members may have different logs. */
  constructor(walTypeOf: (id: bigint) => string, network: NetworkKind = 'memory') {
    this.#network = openNetwork(network);
    this.#walTypeOf = walTypeOf;
    this.#directory = mkdtemp(join(tmpdir(), 'babuza-cluster-'));
  }

  /**
   * Starts a node with `peers` as a member of a new cluster, with `join` as a new member of a
   * running one, with `alone` as the only survivor. Existing data takes precedence.
   */
  async start(
    id: bigint,
    how: 'peers' | 'join' | 'alone' = 'peers',
    place: 'home' | 'elsewhere' = 'home',
  ): Promise<RealNode> {
    const network = await this.#network;
    const address = network.address(id, place);
    const component = await new BabuzaComponentBuilder({
      clusterId: 1,
      nodeId: id,
      storageRootDir: await this.directoryOf(id),
      walType: this.#walTypeOf(id),
      transportType: network.transportType,
      transportOptions: network.optionsOf(address),
    }).build();
    const disk = { appliedIndex: 0, digest: 0, content: '[]' };
    const machine = keyValueMachine(
      'concurrent',
      this.#ledger,
      disk,
      () => false,
      async () => undefined,
    );
    const config: BabuzaConfig = {
      ...defaultBabuzaConfig(1, id, address),
      tickMs: 20,
      snapshotEntries: 40,
      compactionMargin: 5,
    };
    const peers = [1n, 2n, 3n].map((peer) => ({
      id: peer,
      address: network.address(peer),
    }));
    const starting = {
      peers: () => bootstrapRaftCluster(config, peers, machine, component),
      join: () => joinRaftCluster(config, machine, component),
      alone: () => recoverAsStandalone(config, machine, component),
    };
    const node = { id, raft: await starting[how](), machine };
    network.started(address, component.transport);
    this.nodes.set(id, node);
    return node;
  }

  async directoryOf(id: bigint): Promise<string> {
    return join(await this.#directory, `node-${id}`);
  }

  async addressOf(id: bigint, place: 'home' | 'elsewhere' = 'home'): Promise<string> {
    return (await this.#network).address(id, place);
  }

  async stop(id: bigint): Promise<void> {
    await this.nodes.get(id)?.raft.shutdown({ transferLeadership: true });
    this.nodes.delete(id);
  }

  node(id: bigint): RealNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} does not run`);
    return node;
  }

  /** The node that considers itself the leader. */
  leader(): Promise<RealNode> {
    return eventually('a leader', async () =>
      [...this.nodes.values()].find(({ raft }) => raft.leader()?.id === raft.nodeId),
    );
  }

  /** Calls `act` at the leader, again if leadership has moved meanwhile. */
  atLeader<T>(act: (raft: RealNode['raft']) => Promise<T>): Promise<T> {
    return eventually('an answer of the leader', async () => {
      const { raft } = await this.leader();
      try {
        return { answer: await act(raft) };
      } catch (error) {
        const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
        const isMoving = ['RAFT_NOT_LEADER', 'RAFT_DROPPED', 'RAFT_BUSY', 'RAFT_LEARNER_NOT_READY'];
        if (isMoving.includes(String(code))) return undefined;
        throw error;
      }
    }).then(({ answer }) => answer);
  }

  /** Writes of several clients at once; a repeated write has the same value. */
  async put(prefix: string, count: number): Promise<void> {
    const client = async (number: number): Promise<void> => {
      for (let at = number; at < count; at += 4) {
        const input = { kind: 'put', key: `${prefix}-${at}`, value: `value ${at}` } as const;
        await this.atLeader((raft) => raft.propose(encodeCommand(input, '')));
      }
    };
    await Promise.all([0, 1, 2, 3].map(client));
  }

  /** Waits until all running members have applied the same entries. */
  async agree(): Promise<string> {
    return eventually('agreement', async () => {
      const contents = [...this.nodes.values()].map(
        ({ raft, machine }) => `${raft.status().appliedIndex} ${machine.content()}`,
      );
      const [content] = contents;
      return new Set(contents).size === 1 ? content : undefined;
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.nodes.values()].map(({ raft }) => raft.shutdown()));
    await (await this.#network).close();
    await rm(await this.#directory, { recursive: true, force: true });
  }
}

/** Repeats `ask` until it returns a value; only the timeout of the test limits it. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 3000; attempt += 1) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await clock.sleep(10);
  }
  throw new Error(`${what} did not come about`);
}
