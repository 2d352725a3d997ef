/**
 * Kills, restarts, partitions, freezes and hung disks by chance under load, for as long as it is asked for; then everything that was acknowledged is
 * looked for on every node, and the history of clients is judged.
 */
import { counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import { Registers } from '../registers.ts';
import type { ClusterSettings } from '../settings.ts';
import { Stage } from '../stage.ts';
import { verifyEverywhere } from '../verifying.ts';
import { conclude, judge, judgeOnce } from '../verdict.ts';
import { Bounds } from './bounds.ts';
import { Overwriters } from './overwriters.ts';
import { chanceOf } from './chance.ts';
import { Troublemaker } from './troublemaker.ts';

export interface ChaosSettings extends ClusterSettings {
  readonly clients: number;
  readonly seconds: number;
  readonly seed: number;
}

const snapshotEntries = 3000;
const compactionMargin = 300;
const registerClients = 3;

/** Tells the story; returns what did not hold, in sentences. */
export async function tellChaosStory(
  terminal: Terminal,
  workplace: Workplace,
  settings: ChaosSettings,
): Promise<readonly string[]> {
  const { nodes, walTypes, clients, seconds, seed } = settings;
  const startMs = performance.now();
  terminal.line(terminal.style('bold', 'Babuza: a cluster that is not left alone'));
  terminal.step(
    `Disturb ${counted(nodes, 'node')} under load for ${counted(seconds, 'second')} (--seed ${seed})`,
  );
  const stage = await Stage.open(terminal, workplace, {
    nodes,
    walTypes,
    withProxies: true,
    withHangingDisks: true,
    snapshotEntries,
    compactionMargin,
  });
  await stage.leader();
  const overwriters = new Overwriters();
  const registers = new Registers();
  const bounds = new Bounds(stage);
  overwriters.start(Array.from({ length: clients }, () => stage.client()));
  registers.start(
    Array.from({ length: registerClients }, () => stage.client()),
    () => stage.cluster.running.map(({ apiUrl }) => apiUrl),
  );
  const troublemaker = new Troublemaker(stage, chanceOf(seed));
  while (performance.now() - startMs < seconds * 1000) {
    await troublemaker.strike();
    await bounds.look();
    terminal.progress(performance.now() - startMs, seconds * 1000, () =>
      counted(overwriters.acknowledged, 'acknowledged write'),
    );
  }
  terminal.step('Leave it alone, and look for everything that was acknowledged');
  await overwriters.stop();
  await registers.stop();
  const { acknowledged, unanswered } = overwriters;
  const { kills, leadersKilled, partitions, freezes, hangs, transfers, snapshots } =
    troublemaker.counts;
  stage.timeline.note(
    `${counted(kills, 'kill')} (${counted(leadersKilled, 'leader')}), ${counted(partitions, 'partition')}, ${counted(freezes, 'freeze')}, ${counted(hangs, 'hung disk')}, ${counted(transfers, 'transfer')}, ${counted(snapshots, 'snapshot')}`,
  );
  stage.timeline.note(
    `${counted(acknowledged, 'write')} acknowledged (${Math.round(acknowledged / seconds)}/s), ${unanswered} without an answer`,
  );
  await verifyEverywhere(stage, overwriters);
  judgeOnce(stage, overwriters.appliedTwice);
  judge(stage, registers, registerClients);
  bounds.judge();
  conclude(stage, workplace, duration(performance.now() - startMs));
  return stage.failures;
}
