/**
 * Errors are planted in the sources one at a time, in a run of their own, and each must fail the
 * test that is named for it. `BABUZA_MUTANTS_OF=raft,wal-core` takes those of some packages only.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutants } from './mutants/lists/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const partLength = 30;
const failed: Record<string, { title: string; durationMs: number }[]> = {};

/** Plants the errors from this number on, as many as one run holds in memory. */
async function plant(first: number, scratch: string): Promise<void> {
  const results = `${scratch}/${first}.json`;
  // The inner run is its own: nothing of this one's environment may tell it otherwise.
  const { VITEST: _, VITEST_MODE: __, ...environment } = process.env;
  const vitest = `${root}/node_modules/vitest/vitest.mjs`;
  const config = `${root}/test/mutants/vitest.config.ts`;
  await promisify(execFile)(process.execPath, [vitest, 'run', '--config', config], {
    cwd: root,
    env: {
      ...environment,
      BABUZA_MUTANT_RESULTS: results,
      BABUZA_MUTANT_FIRST: String(first),
      BABUZA_MUTANT_COUNT: String(partLength),
    },
    maxBuffer: 64 * 1024 * 1024,
  }).catch(() => undefined); // It fails, as it should: tests failed.
  Object.assign(failed, JSON.parse(readFileSync(results, 'utf8')));
}

beforeAll(async () => {
  const scratch = mkdtempSync(`${tmpdir()}/babuza-mutants-`);
  let next = 0;
  const plantAll = async (): Promise<void> => {
    while (next < mutants.length) {
      const first = next;
      next += partLength;
      await plant(first, scratch);
    }
  };
  await Promise.all([plantAll(), plantAll()]);
  rmSync(scratch, { recursive: true });
}, 1_800_000);

describe('planted errors', () => {
  for (const [number, { name, file, find, caughtBy }] of mutants.entries()) {
    it(`${file}: ${name}`, () => {
      const source = readFileSync(`${root}/packages/${file}`, 'utf8');
      expect(source.split(find).length - 1, `${file} has the text once`).toBe(1);
      const [test, title] = caughtBy;
      const caught = (failed[String(number)] ?? []).filter((each) => each.title.includes(title));
      expect(caught, `${test} fails in "${title}"`).not.toEqual([]);
      console.log(`${name}: caught in ${Math.max(...caught.map((each) => each.durationMs))} ms`);
    });
  }
});
