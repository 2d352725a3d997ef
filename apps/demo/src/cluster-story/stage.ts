/**
 * The context that the steps of a story share: the cluster, its clients, the terminal, and the list
 * of failures.
 */
import { Cluster, type ClusterNode } from '../cluster/cluster.ts';
import { KeyValueClient } from '../cluster/client/index.ts';
import type { NodeNotice, TlsFiles } from '../cluster/node-protocol.ts';
import type { Terminal } from '../common/terminal.ts';
import type { Workplace } from '../common/workplace.ts';
import { Timeline } from './timeline.ts';

export interface StageSettings {
  readonly nodes: number;
  readonly walTypes: readonly string[];
  readonly withProxies: boolean;
  /** Whether disks can be made to hang. Default: false. */
  readonly withHangingDisks?: boolean | undefined;
  /** The certificates of each member, when members use mutual TLS. */
  readonly tlsOf?: ((id: bigint) => TlsFiles) | undefined;
  readonly snapshotEntries: number;
  readonly compactionMargin: number;
}

export type NoticeListener = (id: bigint, notice: NodeNotice) => void;

/** This is long enough to replace a killed leader several times. */
const deadlineMs = 30_000;

export class Stage {
  readonly terminal: Terminal;
  readonly timeline: Timeline;
  readonly failures: string[] = [];
  readonly admin: KeyValueClient;
  readonly #cluster: Cluster;
  readonly #clients: KeyValueClient[] = [];
  readonly #listeners = new Set<NoticeListener>();

  private constructor(terminal: Terminal, timeline: Timeline, cluster: Cluster) {
    this.terminal = terminal;
    this.timeline = timeline;
    this.#cluster = cluster;
    this.admin = this.client();
  }

  /** Opens the cluster. It is closed with the workplace, even when opening has not finished. */
  static async open(
    terminal: Terminal,
    workplace: Workplace,
    settings: StageSettings,
  ): Promise<Stage> {
    const timeline = new Timeline(terminal);
    const early: (readonly [bigint, NodeNotice])[] = [];
    let stage: Stage | undefined;
    const { walTypes } = settings;
    const cluster = await Cluster.open({
      ...settings,
      directory: workplace.storageRoot,
      closesFirst: (close) => workplace.closesFirst(close),
      walTypeOf: (id) => walTypes[(Number(id) - 1) % walTypes.length] ?? 'babuza-wal',
      onNotice: (id, notice) => {
        if (stage === undefined) early.push([id, notice]);
        else stage.#notify(id, notice);
      },
      onFailure: (_, message) => stage?.fail(message),
    });
    const opened = new Stage(terminal, timeline, cluster);
    workplace.closesFirst(() => opened.close());
    stage = opened;
    for (const [id, notice] of early) opened.#notify(id, notice);
    return opened;
  }

  get cluster(): Cluster {
    return this.#cluster;
  }

  /** Makes a client with its own session. It is closed with the stage. */
  client(attemptTimeoutMs = 1500): KeyValueClient {
    const nodes = this.#cluster.nodes.map(({ apiUrl }) => apiUrl);
    const client = new KeyValueClient({ nodes, deadlineMs, attemptTimeoutMs });
    this.#clients.push(client);
    return client;
  }

  fail(text: string): void {
    this.failures.push(text);
    this.terminal.bad(text);
  }

  /** Calls the listener for each notice of a node while `act` runs. */
  async listening<T>(listener: NoticeListener, act: () => Promise<T>): Promise<T> {
    this.#listeners.add(listener);
    try {
      return await act();
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** Runs `act`, and returns its result and whether this node installed a snapshot meanwhile. */
  async watchingSnapshots<T>(
    id: bigint,
    act: (hasInstalled: () => boolean) => Promise<T>,
  ): Promise<{ readonly result: T; readonly hasInstalledSnapshot: boolean }> {
    let hasInstalledSnapshot = false;
    const listener: NoticeListener = (of, { type }) => {
      if (of === id && type === 'snapshot-installed') hasInstalledSnapshot = true;
    };
    const result = await this.listening(listener, () => act(() => hasInstalledSnapshot));
    return { result, hasInstalledSnapshot };
  }

  /** Finds the node that the members name as leader and that takes itself for the leader. */
  async leader(): Promise<ClusterNode> {
    return this.eventually('a leader', async () => {
      const { leader } = await this.admin.cluster.members();
      const node = this.#cluster.running.find(({ id }) => id === leader?.id);
      if (node === undefined) return undefined;
      const { role } = await this.admin.cluster.status({ at: node.apiUrl, deadlineMs: 2000 });
      return role === 'leader' ? node : undefined;
    });
  }

  /**
   * Calls `ask` until it returns a value. It is called again when it returns `undefined` or
   * rejects, for up to 30 s.
   */
  async eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    const endMs = performance.now() + deadlineMs;
    let problem: unknown;
    while (performance.now() < endMs) {
      try {
        const answer = await ask();
        if (answer !== undefined) return answer;
      } catch (error) {
        problem = error;
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    throw new Error(`${what}: it did not happen within ${deadlineMs / 1000} s`, { cause: problem });
  }

  /**
   * Waits until every running node has applied the leader's commit index, and returns that index.
   */
  async agree(): Promise<number> {
    const leader = await this.leader();
    const { commitIndex } = await this.admin.cluster.status({ at: leader.apiUrl });
    for (const { id, apiUrl } of this.#cluster.running) {
      await this.eventually(`node ${id} at index ${commitIndex}`, async () => {
        const { appliedIndex } = await this.admin.cluster.status({ at: apiUrl, deadlineMs: 2000 });
        return appliedIndex >= commitIndex ? true : undefined;
      });
    }
    return commitIndex;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.close()));
    await this.#cluster.close();
  }

  #notify(id: bigint, notice: NodeNotice): void {
    for (const listener of this.#listeners) listener(id, notice);
  }
}
