/**
 * What the steps of a story share: the cluster, its clients, where it prints, and what did not
 * hold.
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
  /** Certificates of each member, where members talk TLS. */
  readonly tlsOf?: ((id: bigint) => TlsFiles) | undefined;
  readonly snapshotEntries: number;
  readonly compactionMargin: number;
}

export type NoticeListener = (id: bigint, notice: NodeNotice) => void;

/** Long enough for a leader that was killed to be replaced, several times. */
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

  /** It ends with the workplace, also while it still opens. */
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
        else stage.#heard(id, notice);
      },
      onFailure: (_, message) => stage?.fail(message),
    });
    const opened = new Stage(terminal, timeline, cluster);
    workplace.closesFirst(() => opened.close());
    stage = opened;
    for (const [id, notice] of early) opened.#heard(id, notice);
    return opened;
  }

  get cluster(): Cluster {
    return this.#cluster;
  }

  /** A client of its own, with a session of its own. Closed with the stage. */
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

  /** The listener hears of every node while `act` runs. */
  async listening<T>(listener: NoticeListener, act: () => Promise<T>): Promise<T> {
    this.#listeners.add(listener);
    try {
      return await act();
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** Whether this node has taken over a snapshot since `act` was called, and what that gave. */
  async watchingSnapshots<T>(
    id: bigint,
    act: (hasTakenOver: () => boolean) => Promise<T>,
  ): Promise<{ readonly result: T; readonly tookOver: boolean }> {
    let tookOver = false;
    const listener: NoticeListener = (of, { type }) => {
      if (of === id && type === 'snapshot-installed') tookOver = true;
    };
    const result = await this.listening(listener, () => act(() => tookOver));
    return { result, tookOver };
  }

  /** The node that leads, by the word of the majority of those that run. */
  async leader(): Promise<ClusterNode> {
    return this.eventually('a leader', async () => {
      const { leader } = await this.admin.cluster.members();
      const node = this.#cluster.running.find(({ id }) => id === leader?.id);
      if (node === undefined) return undefined;
      const { role } = await this.admin.cluster.status({ at: node.apiUrl, deadlineMs: 2000 });
      return role === 'leader' ? node : undefined;
    });
  }

  /** What `ask` gives at last; it is asked again when it gives nothing, or fails. */
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
    throw new Error(`${what} did not come about within ${deadlineMs / 1000} s`, { cause: problem });
  }

  /** Every node that runs has applied what the leader has committed. */
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

  #heard(id: bigint, notice: NodeNotice): void {
    for (const listener of this.#listeners) listener(id, notice);
  }
}
