/** A cluster of processes under load with random faults, and the checks at its end. */
import { counted } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import { Registers } from '../registers.ts';
import type { ClusterSettings } from '../settings.ts';
import { Stage } from '../stage.ts';
import { checkHistory, checkAppliedOnce } from '../verdict.ts';
import { verifyEverywhere } from '../verifying.ts';
import { chanceOf } from './chance.ts';
import { Overwriters } from './overwriters.ts';
import { Troublemaker } from './troublemaker.ts';

export interface DisturbedSettings extends ClusterSettings {
  readonly clients: number;
  readonly seed: number;
  /** The id of a node that is never killed. Default: every node may be killed. */
  readonly neverKilled?: bigint | undefined;
  /** Called with the latency of each acknowledged write. */
  readonly onWrite?: ((elapsedMs: number) => void) | undefined;
}

const snapshotEntries = 3000;
const compactionMargin = 300;
const registerClients = 3;

export class DisturbedCluster {
  readonly stage: Stage;
  readonly #overwriters: Overwriters;
  readonly #registers = new Registers();
  readonly #troublemaker: Troublemaker;

  private constructor(stage: Stage, { clients, seed, neverKilled, onWrite }: DisturbedSettings) {
    this.stage = stage;
    this.#overwriters = new Overwriters(onWrite);
    this.#troublemaker = new Troublemaker(stage, chanceOf(seed), neverKilled);
    this.#overwriters.start(Array.from({ length: clients }, () => stage.client()));
    this.#registers.start(
      Array.from({ length: registerClients }, () => stage.client()),
      () => stage.cluster.running.map(({ apiUrl }) => apiUrl),
    );
  }

  /** Starts the cluster and its clients. Resolves when the cluster has a leader. */
  static async open(
    terminal: Terminal,
    workplace: Workplace,
    settings: DisturbedSettings,
  ): Promise<DisturbedCluster> {
    const { nodes, walTypes } = settings;
    const stage = await Stage.open(terminal, workplace, {
      nodes,
      walTypes,
      withProxies: true,
      withHangingDisks: true,
      snapshotEntries,
      compactionMargin,
    });
    await stage.leader();
    return new DisturbedCluster(stage, settings);
  }

  get acknowledged(): number {
    return this.#overwriters.acknowledged;
  }

  /** Injects one fault and ends it. */
  async strike(): Promise<void> {
    await this.#troublemaker.strike();
  }

  /** Stops the clients and checks the results. `seconds` is how long the load ran. */
  async verify(seconds: number): Promise<void> {
    const { stage } = this;
    stage.terminal.step('End all faults, and look up every acknowledged write');
    await this.#overwriters.stop();
    await this.#registers.stop();
    const { acknowledged, unanswered } = this.#overwriters;
    const { kills, leadersKilled, partitions, freezes, hangs, transfers, snapshots } =
      this.#troublemaker.counts;
    stage.timeline.note(
      `${counted(kills, 'kill')} (${counted(leadersKilled, 'leader')}), ${counted(partitions, 'partition')}, ${counted(freezes, 'freeze')}, ${counted(hangs, 'hung disk')}, ${counted(transfers, 'transfer')}, ${counted(snapshots, 'snapshot')}`,
    );
    stage.timeline.note(
      `${counted(acknowledged, 'write')} acknowledged (${Math.round(acknowledged / seconds)}/s), ${unanswered} without an answer`,
    );
    await verifyEverywhere(stage, this.#overwriters);
    checkAppliedOnce(stage, this.#overwriters.appliedTwice);
    checkHistory(stage, this.#registers, registerClients);
  }
}
