/** docs/TESTING.md says which tests fail without which promise, as the planted errors show it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { allMutants } from './mutants/lists/index.ts';
import type { Mutant } from './mutants/mutant.ts';
import { promises } from './mutants/promises.ts';
import { promisesTable, withTable } from './mutants/promises-table.ts';

const path = fileURLToPath(new URL('../docs/TESTING.md', import.meta.url));

function planted(test: string, promise: Mutant['promise']): Mutant {
  const base = { name: '', file: '', find: '', replace: '', caughtBy: [test, ''] as const };
  return promise === undefined ? base : { ...base, promise };
}

describe('the table of promises', () => {
  it('is up to date; BABUZA_WRITE_TABLE=1 writes it', () => {
    const document = readFileSync(path, 'utf8');
    const current = withTable(document, promisesTable(allMutants));
    if (process.env['BABUZA_WRITE_TABLE'] === '1') writeFileSync(path, current);
    else expect(document).toBe(current);
  });

  it('counts the errors that a test file finds, and tells promises without any', () => {
    const table = promisesTable([
      planted('b/test/b.test.ts', 'purge'),
      planted('a/test/a.test.ts', 'purge'),
      planted('b/test/b.test.ts', 'purge'),
      planted('c/test/c.test.ts', undefined),
    ]);
    expect(table).toContain(
      `| ${promises.purge} | \`a/test/a.test.ts\` (1), \`b/test/b.test.ts\` (2) |`,
    );
    expect(table).toContain(`| ${promises.damage} | no planted error yet |`);
    expect(table).not.toContain('c.test.ts');
  });

  it('needs its marks in the document', () => {
    expect(() => withTable('no marks', '')).toThrow(/lacks/);
  });
});
