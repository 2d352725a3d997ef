/**
 * The soak story: the chaos story for an hour, or for `--minutes`. Memory, handles, disk and
 * latency are sampled and plotted, and must stay flat. One node is never killed, so that a leak in
 * its process can show over the whole run.
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../../argument-values.ts';
import { counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import { DisturbedCluster, type DisturbedSettings } from '../chaos/disturbed-cluster.ts';
import { conclude } from '../verdict.ts';
import { judgeSeries, sentenceOf } from './judged-series.ts';
import { writeReport } from './report.ts';
import { Sampler, type Row } from './sampler.ts';

export interface SoakSettings extends DisturbedSettings {
  readonly minutes: number;
  /** The path of the plots and of the table, without the extension. */
  readonly reportPath: string;
}

/** Runs the story. Returns a sentence for each check that failed. */
export async function tellSoakStory(
  terminal: Terminal,
  workplace: Workplace,
  settings: SoakSettings,
): Promise<readonly string[]> {
  const { nodes, minutes, seed, reportPath } = settings;
  await mkdir(dirname(reportPath), { recursive: true }).catch((error: unknown) => {
    throw new UsageError(`--report: ${error instanceof Error ? error.message : String(error)}`);
  });
  const startMs = performance.now();
  const title = `Soak: ${counted(nodes, 'node')} under load and faults for ${counted(minutes, 'minute')} (--seed ${seed})`;
  terminal.line(terminal.style('bold', 'Babuza: a cluster over time'));
  terminal.step(title);
  const sampler = new Sampler();
  const disturbed = await DisturbedCluster.open(terminal, workplace, {
    ...settings,
    neverKilled: 1n,
    onWrite: (elapsedMs) => sampler.onWrite(elapsedMs),
  });
  const { stage } = disturbed;
  const endMs = performance.now() + minutes * 60_000;
  sampler.start(stage, () =>
    terminal.progress(minutes * 60_000 - (endMs - performance.now()), minutes * 60_000, () =>
      progressOf(sampler.rows.at(-1), disturbed.acknowledged),
    ),
  );
  try {
    while (performance.now() < endMs) await disturbed.strike();
  } finally {
    await sampler.stop();
  }
  const judged = judgeSeries(sampler.rows, 0);
  const paths = await writeReport(reportPath, title, sampler.rows, judged.map(sentenceOf));
  await disturbed.verify(minutes * 60);

  terminal.step('Check that every series is flat over the second half');
  for (const series of judged) {
    if (series.flatness?.isFlat === true) stage.timeline.good(sentenceOf(series));
    else stage.fail(sentenceOf(series));
  }
  for (const path of paths) stage.timeline.note(`written: ${path}`);
  conclude(stage, workplace, duration(performance.now() - startMs));
  return stage.failures;
}

function progressOf(row: Row | undefined, acknowledged: number): string {
  const latency = row?.p99Ms === undefined ? 'no write' : `p99 ${duration(row.p99Ms)}`;
  return `${counted(acknowledged, 'acknowledged write')}, ${Math.round(row?.writesPerSecond ?? 0)}/s, ${latency}`;
}
