/**
 * Injects random faults: kills, partitions, freezes, hung disks. Each fault ends after a few
 * seconds, so that the cluster soon has a majority again.
 */
import type { ClusterNode } from '../../cluster/cluster.ts';
import type { Stage } from '../stage.ts';

export interface TroubleCounts {
  kills: number;
  leadersKilled: number;
  partitions: number;
  freezes: number;
  hangs: number;
  transfers: number;
  snapshots: number;
}

export class Troublemaker {
  readonly counts: TroubleCounts = {
    kills: 0,
    leadersKilled: 0,
    partitions: 0,
    freezes: 0,
    hangs: 0,
    transfers: 0,
    snapshots: 0,
  };
  readonly #stage: Stage;
  readonly #chance: () => number;
  readonly #neverKilled: bigint | undefined;

  /**
   * `chance` returns numbers from 0 to below 1. The node `neverKilled` suffers all faults except
   * kills.
   */
  constructor(stage: Stage, chance: () => number, neverKilled?: bigint) {
    this.#stage = stage;
    this.#chance = chance;
    this.#neverKilled = neverKilled;
  }

  /** Injects one fault and ends it. */
  async strike(): Promise<void> {
    const draw = this.#chance();
    if (draw < 0.35) await this.#killSome(1);
    else if (draw < 0.45) await this.#killSome(2);
    else if (draw < 0.62) await this.#cutOff();
    else if (draw < 0.74) await this.#freeze();
    else if (draw < 0.86) await this.#hangDisk();
    else if (draw < 0.95) await this.#transfer();
    else await this.#takeSnapshot();
    await this.#pause(200, 1500);
  }

  async #killSome(count: number): Promise<void> {
    const { cluster, timeline } = this.#stage;
    const leader = await this.#leader();
    const victims: ClusterNode[] = [];
    for (let at = 0; at < count; at += 1) {
      const alive = cluster.running.filter(
        (node) => !victims.includes(node) && node.id !== this.#neverKilled,
      );
      const victim = this.#victim(alive, leader);
      if (victim !== undefined) victims.push(victim);
    }
    for (const { id } of victims) {
      this.counts.kills += 1;
      if (id === leader) this.counts.leadersKilled += 1;
      await cluster.kill(id);
    }
    timeline.note(`killed: ${victims.map(({ id }) => nameOf(id, leader)).join(', ')}`);
    await this.#pause(200, 2500);
    for (const { id } of victims) await cluster.start(id);
  }

  async #cutOff(): Promise<void> {
    const { cluster, timeline } = this.#stage;
    const leader = await this.#leader();
    const victim = this.#victim(cluster.running, leader);
    if (victim === undefined) return;
    this.counts.partitions += 1;
    cluster.partition([victim.id]);
    timeline.note(`cut off: ${nameOf(victim.id, leader)}`);
    await this.#pause(500, 4000);
    cluster.heal();
  }

  /**
   * Stops a process for a while, as a machine does that swaps or is migrated. When it continues, it
   * does not notice that time has passed.
   */
  async #freeze(): Promise<void> {
    const { cluster, timeline } = this.#stage;
    const leader = await this.#leader();
    const victim = this.#victim(cluster.running, leader);
    if (victim === undefined) return;
    this.counts.freezes += 1;
    victim.handle.freeze();
    timeline.note(`frozen: ${nameOf(victim.id, leader)}`);
    await this.#pause(500, 5000);
    victim.handle.thaw();
  }

  /** Lets a disk hang for a while. The rest of the node keeps working. */
  async #hangDisk(): Promise<void> {
    const { cluster, timeline } = this.#stage;
    const leader = await this.#leader();
    const able = cluster.running.filter(({ hasHangingDisk }) => hasHangingDisk);
    const victim = this.#victim(able, leader);
    if (victim === undefined) return;
    this.counts.hangs += 1;
    victim.handle.hangDisk();
    timeline.note(`disk hangs: ${nameOf(victim.id, leader)}`);
    await this.#pause(500, 5000);
    victim.handle.releaseDisk();
  }

  async #transfer(): Promise<void> {
    this.counts.transfers += 1;
    // The transfer may fail, because there is no leader or the target is down.
    const moved = this.#stage.admin.cluster.transferLeadership(undefined, { deadlineMs: 3000 });
    const leader = await moved.catch(() => undefined);
    this.#stage.timeline.note(`leadership transferred to node ${leader?.id ?? '?'}`);
  }

  async #takeSnapshot(): Promise<void> {
    const { admin, cluster, timeline } = this.#stage;
    const node = this.#one(cluster.running);
    if (node === undefined) return;
    this.counts.snapshots += 1;
    const taken = admin.cluster.takeSnapshot({ at: node.apiUrl, deadlineMs: 5000 });
    const snapshot = await taken.catch(() => undefined);
    timeline.note(`snapshot on node ${node.id} at index ${snapshot?.index ?? '?'}`);
  }

  async #leader(): Promise<bigint | undefined> {
    const { cluster, admin } = this.#stage;
    for (const { apiUrl } of cluster.running) {
      const status = admin.cluster.status({ at: apiUrl, deadlineMs: 1000 });
      const { leader } = await status.catch(() => ({ leader: undefined }));
      if (leader !== undefined) return leader.id;
    }
    return undefined;
  }

  /** Chooses a node. Half of the time it is the leader, if the leader is among `nodes`. */
  #victim(nodes: readonly ClusterNode[], leader: bigint | undefined): ClusterNode | undefined {
    const prefersLeader = this.#chance() < 0.5;
    return nodes.find(({ id }) => prefersLeader && id === leader) ?? this.#one(nodes);
  }

  #one(nodes: readonly ClusterNode[]): ClusterNode | undefined {
    return nodes[Math.floor(this.#chance() * nodes.length)];
  }

  async #pause(fromMs: number, toMs: number): Promise<void> {
    const delayMs = fromMs + this.#chance() * (toMs - fromMs);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

const nameOf = (id: bigint, leader: bigint | undefined): string =>
  `node ${id}${id === leader ? ', the leader' : ''}`;
