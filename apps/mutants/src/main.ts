#!/usr/bin/env node
/**
 * Plants generated errors in the sources of a package, one at a time, and reports those that no
 * test detects. Source files are not written: the change is made while a module is loaded.
 */
import { parseArguments, usage, type Arguments } from './arguments.ts';
import { equivalentsOf, outdated } from './equivalents.ts';
import { longLadders } from './long-ladders.ts';
import { describe, summaryOf, summaryText, unexplained } from './report.ts';
import { chosenMutants, mutantsOf, runTarget } from './run-target.ts';
import type { Target } from './targets.ts';

let lastTold = 0;

/**
 * Shows progress: on a terminal in one line that is redrawn, elsewhere as a line from time to time.
 */
function progress(text: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\u001b[2K${text}`);
  } else if (performance.now() - lastTold > 10_000) {
    lastTold = performance.now();
    console.error(text);
  }
}

/** Whether the package holds what was asked of it. */
async function run(
  target: Target,
  chosen: Arguments,
  long: ReadonlySet<string>,
  isOver: () => boolean,
): Promise<boolean> {
  const name = target.package;
  if (chosen.listOnly) {
    for (const mutant of chosenMutants(target, chosen)) console.log(describe(mutant));
    return true;
  }
  const equivalents = equivalentsOf(name);
  const tell = (text: string): void => progress(`${name}: ${text}`);
  const results = await runTarget(target, chosen, long, { tell, isOver });
  if (process.stderr.isTTY) progress('');
  for (const { mutant, outcome, by } of unexplained(results, equivalents)) {
    const reason = by === undefined ? '' : ` (${by})`;
    console.log(`${outcome}${reason}: ${describe(mutant)}`);
  }
  const gone = outdated(equivalents, mutantsOf(target));
  for (const { file, within, original, replacement } of gone) {
    console.log(
      `apps/mutants/equivalent/${name}.json names a change that the sources do not have, or gives no reason: ${file} in ${within}: ${original}  →  ${replacement}`,
    );
  }
  const summary = summaryOf(results, equivalents);
  const left = chosenMutants(target, chosen).length - results.length;
  if (left > 0) console.log(`${name}: ${left} chosen mutants have not run yet`);
  const totalMs = results.reduce((sum, { durationMs }) => sum + durationMs, 0);
  console.log(summaryText(name, summary, totalMs / 1000 / Math.max(1, results.length)));
  return gone.length === 0 && summary.score >= chosen.minScore;
}

async function main(): Promise<void> {
  const chosen = parseArguments(process.argv.slice(2));
  if (chosen === undefined) {
    console.log(usage);
    return;
  }
  const endMs = performance.now() + (chosen.minutes ?? Infinity) * 60_000;
  const isOver = (): boolean => performance.now() >= endMs;
  const long = await longLadders();
  let isGood = true;
  for (const target of chosen.targets) isGood = (await run(target, chosen, long, isOver)) && isGood;
  // Vitest sets the exit code for tests that fail, as they should here.
  process.exitCode = isGood ? 0 : 1;
}

let isFinished = false;

// If a promise of vitest never settles, the process exits early. This tells the user.
process.once('exit', () => {
  if (isFinished) return;
  console.error('the run ended before all mutants had run; run the command again to go on');
  process.exitCode = 2;
});

try {
  await main();
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 2;
}
isFinished = true;
