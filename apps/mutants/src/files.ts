/** The files of the repository, by their paths below its root with `/`. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Target } from './targets.ts';

/** The root of the repository, without a slash at its end. */
export const root: string = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** Results and recorded coverage; git ignores it. */
export const workFolder: string = `${root}/.mutants`;

export function read(file: string): string {
  return readFileSync(`${root}/${file}`, 'utf8');
}

export function hash(...texts: readonly string[]): string {
  const sum = createHash('sha256');
  for (const text of texts) sum.update(text).update('\0');
  return sum.digest('hex').slice(0, 16);
}

/** The source files of a target, sorted. Throws where the table names a file that is gone. */
export function sourcesOf({ package: name, sources }: Target): readonly string[] {
  const folder = `packages/${name}/src`;
  return sources
    .flatMap((source) => {
      if (source.endsWith('/')) return filesBelow(`${folder}/${source}`.replace('/./', '/'));
      if (existsSync(`${root}/${folder}/${source}`)) return [`${folder}/${source}`];
      throw new Error(`${folder}/${source} is gone: take it out of apps/mutants/src/targets.ts`);
    })
    .filter((file) => file.endsWith('.ts'))
    .sort();
}

/** The test files of a target: those of the package itself first. */
export function testsOf({ tests }: Target, leftOut: ReadonlySet<string>): readonly string[] {
  return tests
    .flatMap((test) =>
      test.endsWith('.ts') ? [`packages/${test}`] : filesBelow(`packages/${test}/test/`),
    )
    .filter((file) => file.endsWith('.test.ts') && !leftOut.has(file));
}

/** Changes when a test, or anything that tests are made of, changes, or how long they may take. */
export function testsHash({ tests }: Target, testsMsMax: number): string {
  const folders = new Set(tests.map((test) => `packages/${test.split('/')[0]}/test/`));
  const files = [...folders, 'packages/testkit/src/', 'packages/wal-core/src/conformance/']
    .flatMap((folder) => filesBelow(folder))
    .filter((file) => file.endsWith('.ts'));
  const limit = testsMsMax === Infinity ? [] : [`tests of up to ${testsMsMax} ms`];
  return hash(...files.flatMap((file) => [file, read(file)]), ...limit);
}

function filesBelow(folder: string): string[] {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}${entry.name}`;
      return entry.isDirectory() ? filesBelow(`${path}/`) : [path];
    });
}
