/**
 * One project per planted error: the source is changed while it is loaded, and the simulation runs
 * with it.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import type { Reporter, TestCase } from 'vitest/node';
import { mutants, mutantSeeds } from './list.ts';
import type { Mutant } from './mutant.ts';

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
const resultFile = process.env['BABUZA_MUTANT_RESULTS'];
const conditions = ['@babuza/source', 'node', 'import', 'module', 'default'];

/** The failure of the simulation for each planted error, in one line. */
const found: Record<string, string> = {};

const collector: Reporter = {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state === 'failed') found[test.project.name] = errors?.[0]?.message.split('\n')[0] ?? '';
  },
  onTestRunEnd(): void {
    if (resultFile !== undefined) writeFileSync(resultFile, JSON.stringify(found));
  },
};

function projectOf(mutant: Mutant, number: number): ViteUserConfig {
  return {
    root: packageRoot,
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform(code: string, id: string): string | undefined {
          if (!id.endsWith(`/packages/${mutant.file}`)) return undefined;
          return code.replace(mutant.find, () => mutant.replace);
        },
      },
    ],
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name: String(number),
      include: [
        `test/${mutant.simulation === 'operators' ? 'operator' : 'cluster'}-simulation.test.ts`,
      ],
      env: {
        BABUZA_CLUSTER_FIRST_SEED: String(mutant.firstSeed ?? 1),
        BABUZA_CLUSTER_SEEDS: String(mutantSeeds),
        BABUZA_OPERATOR_SEEDS: String(mutantSeeds),
      },
      testNamePattern: 'loses nothing',
    },
  };
}

export default defineConfig({
  root: packageRoot,
  test: { projects: mutants.map(projectOf), reporters: [collector], maxWorkers: 2 },
});
