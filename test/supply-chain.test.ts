/**
 * Checks what users install with our packages: licenses, pinned tools, and the statements of
 * docs/SECURITY.md about them.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Dependency {
  readonly name: string;
  readonly license: string;
}

/**
 * Evaluates an expression over the exports of a script, in a process of its own because the script
 * has no types, and returns the printed JSON.
 */
function printed(expression: string): string {
  const module = JSON.stringify(
    new URL('../scripts/runtime-dependencies.js', import.meta.url).href,
  );
  const program = `const m = await import(${module}); console.log(JSON.stringify(${expression}))`;
  const args = ['--input-type=module', '--eval', program, root];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

interface Published {
  readonly directory: string;
  readonly manifest: { readonly files: readonly string[] };
}

const published: readonly Published[] = JSON.parse(printed('m.publishedPackages(process.argv[1])'));
const all: readonly Published[] = JSON.parse(printed('m.workspacePackages(process.argv[1])'));

describe('a package of the workspace', () => {
  it.each(all)('$manifest.name carries the license', ({ directory, manifest }) => {
    expect(readFileSync(`${directory}/LICENSE`, 'utf8')).toBe(read('LICENSE'));
    expect(manifest).toMatchObject({ license: 'Apache-2.0' });
  });

  it('is also one that is not published', () => {
    expect(all.length).toBeGreaterThan(published.length + 5);
  });
});

describe('a published package', () => {
  it.each(published)('$manifest.name is packed with the license', ({ manifest }) => {
    expect(manifest.files).toContain('LICENSE');
  });

  it('exists', () => {
    expect(published.length).toBeGreaterThan(15);
  });
});

describe('a runtime dependency', () => {
  const dependencies: readonly Dependency[] = JSON.parse(
    printed('[...m.runtimeDependencies(process.argv[1]).values()]'),
  );

  it.each(dependencies.filter(({ name }) => !name.startsWith('@node-rs/crc32-')))(
    '$name is in docs/SECURITY.md with its license',
    ({ name, license }) => {
      const row = read('docs/SECURITY.md')
        .split('\n')
        .find((line) => line.startsWith('|') && line.includes(`\`${name}\``));
      expect(row, name).toContain(license.replace(/[()]/g, ''));
    },
  );

  it('exists', () => {
    expect(dependencies.map(({ name }) => name)).toContain('classic-level');
  });
});

describe('pnpm', () => {
  it('has in every command that is told the version that package.json names', () => {
    const { packageManager } = JSON.parse(read('package.json')) as { packageManager: string };
    for (const path of ['README.md', 'CONTRIBUTING.md', '.ci/run']) {
      const told = read(path).match(/pnpm@[\w.]+/g) ?? [];
      expect(new Set(told), path).toEqual(new Set([packageManager]));
    }
  });

  it.each(filesThatNameCommands())('is told with that version in %s, everywhere', (path) => {
    const { packageManager, scripts } = JSON.parse(read('package.json')) as {
      packageManager: string;
      scripts: Record<string, string>;
    };
    const names = ['run', 'install', 'changeset', ...Object.keys(scripts)].join('|');
    const commands = new RegExp(`\\S*(?: --yes)? ?\\bpnpm(?:@[\\w.]+)? (?:${names})\\b`, 'g');
    for (const [command] of read(path).matchAll(commands)) {
      expect(command).toContain(`npx --yes ${packageManager} `);
    }
  });

  /** All documents, and the usage texts of the programs. */
  function filesThatNameCommands(): string[] {
    const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
    const beside = all.flatMap(({ directory }) =>
      ['README.md', 'src/arguments.ts'].map((name) => relative(root, join(directory, name))),
    );
    return [
      'README.md',
      'CONTRIBUTING.md',
      ...documents.map((name) => join('docs', name)),
      ...beside,
    ]
      .filter((path) => /\.(md|ts)$/.test(path) && existsSync(join(root, path)))
      .filter((path) => read(path).includes('pnpm'));
  }
});

describe('the audit', () => {
  it.each([
    ['exit 1', 'not run'],
    ['echo "no network" >&2; exit 1', 'not run: no network'],
    ['echo \'{"error":{"message":"404 from a mirror"}}\'; exit 1', 'not run: 404 from a mirror'],
    ['echo \'{"advisories":{}}\'', '0 advisories'],
  ])('says what became of it where pnpm does %s', (answer, said) => {
    const { output, status } = audit(answer);
    expect([status, output]).toEqual([0, expect.stringContaining(said)]);
  });

  it('fails for a severe one in what our users get, and not for others', () => {
    const advisory = (name: string, severity: string): string =>
      `echo '{"advisories":{"1":{"module_name":"${name}","severity":"${severity}","title":"t","url":"u"}}}'; exit 1`;
    expect(audit(advisory('classic-level', 'high')).status).toBe(1);
    expect(audit(advisory('classic-level', 'moderate')).status).toBe(0);
    expect(audit(advisory('vite', 'critical')).status).toBe(0);
  });

  /** Runs the script with a pnpm that answers so. */
  function audit(answer: string): { readonly output: string; readonly status: number } {
    const folder = mkdtempSync(join(tmpdir(), 'babuza-audit-'));
    const fake = join(folder, 'pnpm');
    writeFileSync(fake, `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
    try {
      const env = { ...process.env, npm_execpath: fake };
      const script = join(root, 'scripts/check-audit.js');
      return {
        output: execFileSync(process.execPath, [script], { env, encoding: 'utf8' }),
        status: 0,
      };
    } catch (error) {
      const { stdout, status } = error as { stdout: string; status: number };
      return { output: stdout, status };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
});
