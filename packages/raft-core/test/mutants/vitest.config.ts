/** One project per mutant: its change is made while the source is loaded, and the file of its test runs on that. */

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import type { Reporter, TestCase } from 'vitest/node';
import { mutants, seenBySimulation, type Mutant } from './list.ts';

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
const resultFile = process.env['BABUZA_MUTANT_RESULTS'];
const conditions = ['@babuza/source', 'node', 'import', 'module', 'default'];

/** Which tests failed under which mutant. */
const failed: Record<string, string[]> = {};

const collector: Reporter = {
  onTestCaseResult(test: TestCase): void {
    const list = (failed[test.project.name] ??= []);
    if (test.result().state === 'failed') list.push(test.fullName);
  },
  onTestRunEnd(): void {
    if (resultFile !== undefined) writeFileSync(resultFile, JSON.stringify(failed));
  },
};

function projectOf(mutant: Mutant, name: string, testFile: string): ViteUserConfig {
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
    test: { name, include: [`test/${testFile}.test.ts`] },
  };
}

export default defineConfig({
  root: packageRoot,
  test: {
    projects: mutants.flatMap((mutant, number) => {
      const named = projectOf(mutant, String(number), mutant.caughtBy[0]);
      if (!seenBySimulation.includes(mutant.name)) return [named];
      return [named, projectOf(mutant, `simulation ${number}`, 'simulation')];
    }),
    reporters: [collector],
    maxWorkers: 2,
  },
});
