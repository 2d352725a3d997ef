/** Every line with a comment is at most 100 columns long, so that comments read as paragraphs. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const columnsMax = 100;

const skipped = new Set(['node_modules', 'dist', 'coverage', 'test-results']);

function filesBelow(folder: string): string[] {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** The numbers of the comment lines that are too long. A code line with a comment counts, too. */
function tooLong(text: string): number[] {
  let isInside = false;
  return text.split('\n').flatMap((line, at) => {
    const begins = /^\s*\/\*/.test(line);
    const isComment = isInside || begins || /^\s*\/\/|;\s*\/\/ /.test(line);
    if (isInside || begins) isInside = !line.includes('*/');
    return isComment && line.length > columnsMax ? [at + 1] : [];
  });
}

it('finds long lines in each kind of comment, and no long line of code', () => {
  const long = 'x'.repeat(columnsMax);
  const text = [
    `/** ${long} */`,
    `const a = '${long}';`,
    `  // ${long}`,
    '/**',
    ` * ${long}`,
    ' */',
    `const b = '/* ${long}';`,
    `const c = 1; // ${long}`,
    `// ${'…'.repeat(columnsMax - 3)}`,
  ].join('\n');
  expect(tooLong(text)).toEqual([1, 3, 5, 8]);
});

it('comments wrap at 100 columns', () => {
  const found = ['packages', 'apps', 'test']
    .flatMap(filesBelow)
    .flatMap((file) =>
      tooLong(readFileSync(`${root}/${file}`, 'utf8')).map((line) => `${file}:${line}`),
    );
  expect(found).toEqual([]);
});
