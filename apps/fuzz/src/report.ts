/** Prints the results and writes the files of failures. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { lineOf } from './corpus.ts';
import type { Failure } from './fuzz.ts';
import type { TargetResult } from './run-target.ts';

const folder = '.fuzz';

export const tableHead: string = `${'target'.padEnd(12)}${'runs'.padStart(10)}${'runs/s'.padStart(10)}${'features'.padStart(10)}${'new'.padStart(8)}${'failures'.padStart(10)}`;

export function tableLine({ target, report, durationMs }: TargetResult): string {
  const { runs, features, newInputs, failures } = report;
  const perSecond = Math.round((runs * 1000) / durationMs);
  const cells = [runs, perSecond, features].map((value) => String(value).padStart(10)).join('');
  return `${target.padEnd(12)}${cells}${String(newInputs).padStart(8)}${String(failures.length).padStart(10)}`;
}

/**
 * Writes the input of a failure to its own file. Returns a text with the command that repeats it.
 */
export function reportFailure(target: string, seed: number, failure: Failure): string {
  const { decoder, input, problem } = failure;
  const line = lineOf(failure);
  const file = `${folder}/${target}-${createHash('sha256').update(line).digest('hex').slice(0, 12)}.txt`;
  mkdirSync(folder, { recursive: true });
  const because = (problem.split('\n')[0] ?? '').slice(0, 200);
  writeFileSync(file, `# ${because}\n${line}\n`);
  const hex = Buffer.from(input).toString('hex');
  const shown = hex.length > 400 ? `${hex.slice(0, 400)}… (${input.length} bytes)` : hex;
  return `
FAILED  ${decoder} (target ${target}, seed ${seed})
  problem  ${problem.replaceAll('\n', '\n           ')}
  input    ${shown}
  file     ${file}
  again    npx --yes pnpm@12.21.0 fuzz --input ${file}`;
}
