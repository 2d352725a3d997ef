/** Every planted error is caught by the test that is named for it. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutants, seenBySimulation } from './mutants/list.ts';

const config = fileURLToPath(new URL('mutants/vitest.config.ts', import.meta.url));
const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));
const sources = fileURLToPath(new URL('../src', import.meta.url));

describe('mutants', () => {
  let failed: Record<string, string[]> = {};

  beforeAll(async () => {
    const scratch = mkdtempSync(`${tmpdir()}/babuza-mutants-`);
    const results = `${scratch}/results.json`;
    // The inner run is its own: nothing of this one's environment may tell it otherwise.
    const { VITEST: _, VITEST_MODE: __, ...environment } = process.env;
    await promisify(execFile)(process.execPath, [vitest, 'run', '--config', config], {
      env: { ...environment, BABUZA_MUTANT_RESULTS: results, BABUZA_SIMULATION_SEEDS: '600' },
      maxBuffer: 64 * 1024 * 1024,
    }).catch(() => undefined); // It fails, as it should: tests failed.
    failed = JSON.parse(readFileSync(results, 'utf8'));
    rmSync(scratch, { recursive: true });
  }, 560_000);

  it('there are enough, and all differ', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(40);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(mutants.map((mutant, number) => ({ ...mutant, number })))(
    '$name',
    ({ file, find, caughtBy, number }) => {
      const source = readFileSync(`${sources}/${file}`, 'utf8');
      expect(source.split(find).length - 1, `${file} has the place once`).toBe(1);
      const titles = failed[String(number)] ?? [];
      expect(titles.filter((title) => title.includes(caughtBy[1]))).not.toEqual([]);
    },
  );

  it.each(seenBySimulation)('the simulation sees it, too: %s', (name) => {
    const number = mutants.findIndex((mutant) => mutant.name === name);
    expect(number).toBeGreaterThanOrEqual(0);
    const titles = failed[`simulation ${number}`] ?? [];
    expect(titles.filter((title) => title.includes('keeps the invariants'))).not.toEqual([]);
  });
});
