/**
 * One project per mutant: its change is made while the source is loaded, and its test runs on that.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import type { Reporter, TestCase } from 'vitest/node';
import { mutants } from './lists/index.ts';
import { pathOfTest, type Mutant } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const conditions = ['@babuza/source', 'node', 'import', 'module', 'default'];
/** The part of the list that this run plants. */
const first = Number(process.env['BABUZA_MUTANT_FIRST'] ?? 0);
const count = Number(process.env['BABUZA_MUTANT_COUNT'] ?? mutants.length);
const resultFile = process.env['BABUZA_MUTANT_RESULTS'];

/** The tests that failed, by the number of the mutant. */
const failed: Record<string, { title: string; durationMs: number }[]> = {};

const collector: Reporter = {
  onTestCaseResult(test: TestCase): void {
    if (test.result().state !== 'failed') return;
    const durationMs = Math.round(test.diagnostic()?.duration ?? 0);
    (failed[test.project.name] ??= []).push({ title: test.fullName, durationMs });
  },
  onTestRunEnd(): void {
    if (resultFile !== undefined) writeFileSync(resultFile, JSON.stringify(failed));
  },
};

function projectOf({ file, find, replace, caughtBy }: Mutant, number: number): ViteUserConfig {
  const [test, title] = caughtBy;
  return {
    root,
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform(code: string, id: string): string | undefined {
          if (!id.endsWith(`/packages/${file}`)) return undefined;
          return code.replace(find, () => replace);
        },
      },
    ],
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name: String(number),
      include: [pathOfTest(test)],
      testNamePattern: title.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'),
      setupFiles: ['./test/fixed-seed.ts'],
      testTimeout: 60_000,
    },
  };
}

export default defineConfig({
  root,
  test: {
    projects: mutants
      .slice(first, first + count)
      .map((mutant, at) => projectOf(mutant, first + at)),
    reporters: [collector],
    // Two parts of the list run beside each other.
    maxWorkers: 1,
  },
});
