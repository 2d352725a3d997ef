/** The table of promises and tests in docs/TESTING.md. */
import type { Mutant } from './mutant.ts';
import { promises } from './promises.ts';

const begin = '<!-- promises: begin -->';
const end = '<!-- promises: end -->';

export function promisesTable(mutants: readonly Mutant[]): string {
  const rows = Object.entries(promises).map(([id, sentence]) => {
    const counts = new Map<string, number>();
    for (const { promise, caughtBy } of mutants) {
      if (promise === id) counts.set(caughtBy[0], (counts.get(caughtBy[0]) ?? 0) + 1);
    }
    const tests = [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([file, count]) => `\`${file}\` (${count})`);
    return `| ${sentence} | ${tests.length === 0 ? 'no planted error yet' : tests.join(', ')} |`;
  });
  return ['| promise | tests that fail without it |', '| --- | --- |', ...rows].join('\n');
}

/** The document with the table between its two marks. Throws where a mark is missing. */
export function withTable(document: string, table: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the document lacks '${begin}' or '${end}' after it`);
  return `${document.slice(0, from + begin.length)}\n\n${table}\n\n${document.slice(to)}`;
}
