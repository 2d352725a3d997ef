/** The examples in the READMEs run as they are printed, against the built packages. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Makes the certificates that an example names in its first line. */
const demo = `${root}/apps/demo/dist/main.js`;
const scratch = mkdtempSync(`${tmpdir()}/babuza-readme-`);

afterAll(() => rmSync(scratch, { recursive: true }));

/** The package whose dependencies an example uses: a user would have installed them. */
const runsBeside: Record<string, string> = {
  root: `${root}/examples`,
  babuza: `${root}/examples`,
  builder: `${root}/examples`,
  metrics: `${root}/packages/metrics/dist`,
  raft: `${root}/examples`,
  'raft-core': `${root}/packages/raft-core/dist`,
  session: `${root}/packages/session/dist`,
  snapshot: `${root}/packages/snapshot/dist`,
  'transport-http': `${root}/examples`,
  'transport-memory': `${root}/packages/transport-memory/dist`,
  testkit: `${root}/packages/wal-native/dist`,
  'wal-files': `${root}/packages/wal-native/dist`,
  'wal-level': `${root}/packages/wal-memory/dist`,
};

/**
 * The packages whose READMEs state the output of a line in the comment after it. Comments of the
 * others explain the line.
 */
const saysWhatItPrints = new Set(['raft', 'session', 'snapshot', 'transport-memory']);

interface Example {
  readonly title: string;
  readonly owner: string;
  readonly code: string;
}

/** Blocks that are whole programs; fragments (with an ellipsis or a test library) are not. */
function examplesOf(title: string, owner: string, path: string): Example[] {
  const blocks = readFileSync(path, 'utf8').matchAll(/^```(?:ts|js)\n([\s\S]*?)^```/gm);
  return [...blocks]
    .map((block) => block[1] ?? '')
    .filter((code) => /from '(@babuza\/|babuza')/.test(code) && !/from 'vitest'|…/.test(code))
    .map((code, at) => ({ title: `${title}, example ${at + 1}`, owner, code }));
}

const packages = readdirSync(`${root}/packages`);
/** Its examples read a directory of etcd, which the packages' own tests do. */
const needsEtcd = 'etcd-wal.md';
const docs = readdirSync(`${root}/docs`).filter(
  (name) => name.endsWith('.md') && name !== needsEtcd,
);
const examples = [
  ...examplesOf('README.md', 'root', `${root}/README.md`),
  ...docs.flatMap((name) => examplesOf(`docs/${name}`, 'root', `${root}/docs/${name}`)),
  ...packages.flatMap((name) =>
    examplesOf(`packages/${name}/README.md`, name, `${root}/packages/${name}/README.md`),
  ),
];

describe('examples in READMEs', () => {
  it('every package has one', () => {
    const owners = new Set(examples.map(({ owner }) => owner));
    expect(packages.filter((name) => !owners.has(name))).toEqual([]);
  });

  for (const [at, { title, owner, code }] of examples.entries()) {
    it(`${title} runs as printed`, async () => {
      const file = `${runsBeside[owner] ?? `${root}/apps/demo/dist`}/readme-example-${at}.mjs`;
      // The directories that the examples name belong to the reader; here they are made anew.
      writeFileSync(file, code.replaceAll(/(['`])\/tmp\//g, `$1${scratch}/${at}/`));
      try {
        for (const [, line = ''] of code.matchAll(
          /^\/\/ npx --yes pnpm@[\d.]+ demo (certificates .*)$/gm,
        )) {
          const args = line.replaceAll('/tmp/', `${scratch}/${at}/`).split(' ');
          await promisify(execFile)(process.execPath, [demo, ...args]);
        }
        const { stdout } = await promisify(execFile)(process.execPath, [file]);
        if (!saysWhatItPrints.has(owner)) return;
        for (const [, says] of code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)) {
          expect(stdout).toContain(says);
        }
      } finally {
        rmSync(file);
      }
    });
  }
});
