/**
 * Test files share a process while a mutant is judged. This finds the files that do not pass when
 * others ran before them; otherwise they would seem to kill every mutant.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { FileCoverage } from './coverage.ts';
import { hash, workFolder } from './files.ts';
import type { Judge } from './judge.ts';
import { runsFor } from './plan.ts';

interface Baseline {
  readonly sum: string;
  readonly alone: readonly string[];
}

/**
 * The test files that need a process of their own. Throws where one fails there too. What was found
 * holds until a file has changed.
 */
export async function filesAlone(
  name: string,
  coverage: readonly FileCoverage[],
  judge: Judge,
): Promise<Set<string>> {
  const path = `${workFolder}/coverage/${name}/baseline.json`;
  const sum = hash(JSON.stringify(coverage.map(({ file, loaded }) => [file, loaded])));
  if (existsSync(path)) {
    const known = JSON.parse(readFileSync(path, 'utf8')) as Baseline;
    if (known.sum === sum) return new Set(known.alone);
  }
  const alone = new Set<string>();
  const everything = coverage.map((file) => ({ ...file, outside: ['all'] }));
  for (;;) {
    const { outcome, by, file } = await judge.judge(
      undefined,
      runsFor('all', '', everything, { alone, first: new Set(), testsMsMax: Infinity }),
    );
    if (outcome === 'survived' || outcome === 'no coverage') break;
    if (file === undefined || alone.has(file)) {
      throw new Error(
        `the tests of ${name} do not pass without a mutant: ${file ?? ''} ${by}. Make the test pass, or run this again where the machine has less to do`,
      );
    }
    alone.add(file);
  }
  writeFileSync(path, JSON.stringify({ sum, alone: [...alone] } satisfies Baseline));
  return alone;
}
