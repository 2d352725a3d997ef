/**
 * The chaos story: kills, restarts, partitions, freezes and hung disks at random under load. Then
 * every acknowledged write is looked up on every node, and the history of the clients is checked.
 */
import { counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import { conclude } from '../verdict.ts';
import { Bounds } from './bounds.ts';
import { DisturbedCluster, type DisturbedSettings } from './disturbed-cluster.ts';

export interface ChaosSettings extends DisturbedSettings {
  readonly seconds: number;
}

/** Runs the story. Returns a sentence for each check that failed. */
export async function tellChaosStory(
  terminal: Terminal,
  workplace: Workplace,
  settings: ChaosSettings,
): Promise<readonly string[]> {
  const { nodes, seconds, seed } = settings;
  const startMs = performance.now();
  terminal.line(terminal.style('bold', 'Babuza: a cluster with random faults'));
  terminal.step(
    `Inject faults into ${counted(nodes, 'node')} under load for ${counted(seconds, 'second')} (--seed ${seed})`,
  );
  const disturbed = await DisturbedCluster.open(terminal, workplace, settings);
  const { stage } = disturbed;
  const bounds = new Bounds(stage);
  while (performance.now() - startMs < seconds * 1000) {
    await disturbed.strike();
    await bounds.look();
    terminal.progress(performance.now() - startMs, seconds * 1000, () =>
      counted(disturbed.acknowledged, 'acknowledged write'),
    );
  }
  await disturbed.verify(seconds);
  bounds.judge();
  conclude(stage, workplace, duration(performance.now() - startMs));
  return stage.failures;
}
