/**
 * Runs the tests of all planted errors of a list in a vitest run of their own, and checks that each
 * error fails its test.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import type { Mutant } from './list.ts';

const config = fileURLToPath(new URL('vitest.config.ts', import.meta.url));
const vitest = fileURLToPath(
  new URL('../../../../node_modules/vitest/vitest.mjs', import.meta.url),
);
const sources = fileURLToPath(new URL('../../src', import.meta.url));

/** `which` is the name of the list in `vitest.config.ts`. */
export function testMutants(
  which: 'rules' | 'simulation',
  mutants: readonly Mutant[],
  timeoutMs: number,
): void {
  let failed: Record<string, string[]> = {};

  beforeAll(async () => {
    const scratch = mkdtempSync(`${tmpdir()}/babuza-mutants-`);
    const results = `${scratch}/results.json`;
    // The inner run must not inherit the variables that vitest has set for this one.
    const { VITEST: _, VITEST_MODE: __, ...environment } = process.env;
    await promisify(execFile)(process.execPath, [vitest, 'run', '--config', config], {
      env: { ...environment, BABUZA_MUTANTS: which, BABUZA_MUTANT_RESULTS: results },
      maxBuffer: 64 * 1024 * 1024,
    }).catch(() => undefined); // It fails, as it should: tests failed.
    failed = JSON.parse(readFileSync(results, 'utf8'));
    rmSync(scratch, { recursive: true });
  }, timeoutMs);

  it.each(mutants.map((mutant, number) => ({ ...mutant, number })))(
    '$name',
    ({ name, file, find, caughtBy, number }) => {
      const source = readFileSync(`${sources}/${file}`, 'utf8');
      expect(source.split(find).length - 1, `${file} has the passage once`).toBe(1);
      const titles = failed[String(number)] ?? [];
      const caught = titles.filter((title) => title.includes(caughtBy[1]));
      expect(caught).not.toEqual([]);
      if (which === 'simulation') console.log(`${name}: ${caught.join('; ')}`);
    },
  );
}
