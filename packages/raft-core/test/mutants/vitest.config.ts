/**
 * One vitest project for each planted error: the source is changed while it is loaded, and the
 * named test file runs with it.
 */

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import type { Reporter, TestCase } from 'vitest/node';
import { mutants, type Mutant } from './list.ts';
import { mutantSeeds, simulationMutants } from './simulation-list.ts';

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
const resultFile = process.env['BABUZA_MUTANT_RESULTS'];
/** The list that `run.ts` has selected. */
const list = process.env['BABUZA_MUTANTS'] === 'simulation' ? simulationMutants : mutants;
const conditions = ['@babuza/source', 'node', 'import', 'module', 'default'];

/** The titles of the failed tests, by the number of the planted error. */
const failed: Record<string, string[]> = {};

const collector: Reporter = {
  onTestCaseResult(test: TestCase): void {
    const titles = (failed[test.project.name] ??= []);
    const { state, errors } = test.result();
    // The title has the reason, which names the seed of a simulation.
    if (state === 'failed') titles.push(`${test.fullName}: ${errors?.[0]?.message.split('\n')[0]}`);
  },
  onTestRunEnd(): void {
    if (resultFile !== undefined) writeFileSync(resultFile, JSON.stringify(failed));
  },
};

function projectOf(mutant: Mutant, number: number): ViteUserConfig {
  const [test] = mutant.caughtBy;
  const include = test === 'simulation' ? ['test/simulation-*.test.ts'] : [`test/${test}.test.ts`];
  return {
    root: packageRoot,
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform(code: string, id: string): string | undefined {
          if (!id.endsWith(`/raft-core/src/${mutant.file}`)) return undefined;
          return code.replace(mutant.find, () => mutant.replace);
        },
      },
    ],
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name: String(number),
      include,
      env: { BABUZA_SIMULATION_SEEDS: String(mutantSeeds), BABUZA_SEED: '1' },
      testTimeout: 240_000,
    },
  };
}

export default defineConfig({
  root: packageRoot,
  test: { projects: list.map(projectOf), reporters: [collector], maxWorkers: 2 },
});
