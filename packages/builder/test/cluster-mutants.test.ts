/** Planted errors that the simulations find, each within a few seeds: see `mutants/list.ts`. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutants } from './mutants/list.ts';

const config = fileURLToPath(new URL('mutants/vitest.config.ts', import.meta.url));
const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));
const packages = fileURLToPath(new URL('../..', import.meta.url));

let found: Record<string, string> = {};

beforeAll(async () => {
  const scratch = mkdtempSync(`${tmpdir()}/babuza-mutants-`);
  const results = `${scratch}/results.json`;
  // The inner run must not inherit settings from the environment of this one.
  const { VITEST: _, VITEST_MODE: __, ...environment } = process.env;
  await promisify(execFile)(process.execPath, [vitest, 'run', '--config', config], {
    env: {
      ...environment,
      BABUZA_MUTANT_RESULTS: results,
      BABUZA_OPERATOR_FIRST_SEED: '1',
    },
    maxBuffer: 64 * 1024 * 1024,
  }).catch(() => undefined); // It fails, as it should: tests failed.
  found = JSON.parse(readFileSync(results, 'utf8'));
  rmSync(scratch, { recursive: true });
}, 1_800_000);

describe('errors that the simulations find', () => {
  it('all differ', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(mutants.map((mutant, number) => ({ ...mutant, number })))(
    '$name',
    ({ name, file, find, number }) => {
      const source = readFileSync(`${packages}/${file}`, 'utf8');
      expect(source.split(find).length - 1, `${file} has the place once`).toBe(1);
      const how = found[String(number)];
      expect(how).toBeDefined();
      console.log(`${name}: ${how ?? ''}`);
    },
  );
});
