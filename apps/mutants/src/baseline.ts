/**
 * Test files share a process while a mutant is judged. This checks once that they pass together
 * without a mutant; otherwise one of them would seem to kill every mutant.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { FileCoverage } from './coverage.ts';
import { hash, workFolder } from './files.ts';
import type { Judge } from './judge.ts';
import { runsFor } from './plan.ts';

/** Throws where a test fails. What passed is not tried again until a file has changed. */
export async function checkBaseline(
  name: string,
  coverage: readonly FileCoverage[],
  judge: Judge | undefined,
): Promise<void> {
  const path = `${workFolder}/coverage/${name}/baseline`;
  const sum = hash(JSON.stringify(coverage.map(({ file, loaded }) => [file, loaded])));
  if (existsSync(path) && readFileSync(path, 'utf8') === sum) return;
  const everything = coverage.map((file) => ({ ...file, outside: ['all'] }));
  const verdict = await judge?.judge(undefined, runsFor('all', '', everything));
  if (verdict?.outcome === 'killed' || verdict?.outcome === 'timeout') {
    throw new Error(
      `the tests of ${name} do not pass together in one process without a mutant: ${verdict.by}. Make that test independent of the files that run before it`,
    );
  }
  writeFileSync(path, sum);
}
