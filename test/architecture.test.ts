/** docs/ARCHITECTURE.md names packages, arrows and files that exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(`${root}/docs/ARCHITECTURE.md`, 'utf8');
const packages = readdirSync(`${root}/packages`);
const apps = readdirSync(`${root}/apps`).map((name) => `apps/${name}`);

/** The part of the page below a heading of the second level. */
function section(title: string): string {
  const [, rest = ''] = page.split(`\n## ${title}\n`);
  return rest.split('\n## ')[0] ?? '';
}

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

/** The packages of ours that a package declares, optional ones included. */
function declaredBy(owner: string): string[] {
  const text = readFileSync(`${root}/packages/${owner}/package.json`, 'utf8');
  const { dependencies, peerDependencies } = JSON.parse(text) as Manifest;
  return Object.keys({ ...dependencies, ...peerDependencies }).map((name) => basename(name));
}

describe('docs/ARCHITECTURE.md', () => {
  it('lists every package and every app once', () => {
    const listed = [...section('Packages').matchAll(/^\| `([\w/-]+)` \|/gm)].map(
      ([, name]) => name,
    );
    expect(listed.sort()).toEqual([...packages, ...apps].sort());
  });

  it('draws arrows that package.json declares', () => {
    const drawing = section('Imports between packages');
    const arrows = [...drawing.matchAll(/^ {2}([\w-]+) -\.?->(?:\|"[^"]*"\|)? ([\w-]+)$/gm)];
    expect(arrows.length).toBeGreaterThan(25);
    const missing = arrows
      .filter(([, from = '', to = '']) => !declaredBy(from).includes(to))
      .map(([arrow]) => arrow.trim());
    expect(missing).toEqual([]);
  });

  it('names source files that exist', () => {
    const owners = [...packages.map((name) => `packages/${name}`), ...apps];
    const folders = owners.flatMap((owner) => [`${owner}/src`, `${owner}/test`]);
    const sources = ['test', ...folders].flatMap((folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map(
        (path) => `/${folder}/${path}`,
      ),
    );
    const named = [...page.matchAll(/`([\w./-]+\.ts)`/g)].map(([, path = '']) => path);
    expect(named.length).toBeGreaterThan(40);
    const missing = named.filter((path) => !sources.some((source) => source.endsWith(`/${path}`)));
    expect(missing).toEqual([]);
  });
});
