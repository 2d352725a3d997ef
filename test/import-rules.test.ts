/**
 * The arrows of docs/ARCHITECTURE.md as a test: who may import whom. A new arrow is a decision: it
 * changes the picture and this table in the same commit.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importCircles, relativeImportsOf } from './import-circles.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The workspace packages that the sources of a package may import. An entry point other than the
 * main one is listed by its full name.
 */
const allowed: Record<string, readonly string[]> = {
  raftpb: [],
  vfs: [],
  'wal-core': ['raftpb'],
  'wal-files': ['raftpb', 'vfs', 'wal-core'],
  'wal-native': ['raftpb', 'vfs', 'wal-core', 'wal-files'],
  'wal-etcd': ['raftpb', 'vfs', 'wal-core', 'wal-files'],
  'wal-level': ['raftpb', 'wal-core'],
  'wal-memory': ['vfs', 'wal-core', 'wal-files', 'wal-level'],
  'wal-level-disk': ['vfs', 'wal-core', 'wal-files', 'wal-level'],
  'raft-core': ['raftpb', 'wal-core'],
  raft: ['raft-core', 'raftpb', 'vfs', 'wal-core'],
  snapshot: ['raft', 'raftpb', 'vfs'],
  session: ['raft'],
  'transport-memory': ['raft', 'raftpb', 'vfs'],
  'transport-http': ['raft', 'raftpb', 'vfs'],
  metrics: ['raft', 'wal-core'],
  builder: ['metrics', 'raft', 'session', 'snapshot', 'vfs', 'wal-core'],
  babuza: ['builder', 'raft', 'transport-http', 'wal-native'],
  testkit: ['raftpb', 'vfs', 'wal-core'],
  demo: [
    'builder',
    'metrics',
    'raft',
    'raftpb',
    // Only the history checker, `@babuza/testkit/history`.
    'testkit',
    'transport-http',
    'vfs',
    'wal-core',
    'wal-etcd',
    'wal-level-disk',
    'wal-memory',
    'wal-native',
  ],
  bench: [
    'builder',
    'raft',
    'raft-core',
    'raftpb',
    'transport-http',
    'transport-memory',
    'vfs',
    'wal-core',
    'wal-etcd',
    'wal-level-disk',
    'wal-native',
  ],
  mutants: [],
  // It forges the bytes of every format, and loads modules that are no part of an API by their
  // paths.
  fuzz: [
    'builder',
    'raft',
    'raftpb',
    'session',
    'snapshot',
    'testkit',
    'transport-http',
    'vfs',
    'wal-core',
    'wal-etcd',
    'wal-level',
    'wal-level-disk',
    'wal-memory',
    'wal-native',
  ],
};

/**
 * Packages that implement ports of the node: they import them as types, and the node never imports
 * them.
 */
const implementsPorts = ['snapshot', 'session', 'transport-memory', 'transport-http', 'metrics'];

/** Packages whose sources may touch what the others reach through them only. */
const nodeFsAllowed = ['vfs', 'demo', 'bench', 'mutants', 'fuzz'];
const timeAndChanceAllowed = ['vfs', 'testkit', 'demo', 'bench', 'mutants', 'fuzz'];

interface Source {
  readonly owner: string;
  readonly file: string;
  readonly text: string;
}

function sourcesOf(kind: 'packages' | 'apps', folder: 'src' | 'test'): Source[] {
  return readdirSync(`${root}/${kind}`).flatMap((owner) =>
    filesBelow(`${root}/${kind}/${owner}/${folder}`).map((file) => ({
      owner,
      file: file.slice(root.length),
      text: readFileSync(file, 'utf8'),
    })),
  );
}

function filesBelow(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const path = `${directory}/${name}`;
    if (statSync(path).isDirectory()) return filesBelow(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(text: string): string[] {
  const pattern = /(?:from\s+|import\s*\(\s*|^import\s+)'([^']+)'/gm;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

const sources = [...sourcesOf('packages', 'src'), ...sourcesOf('apps', 'src')];

const ownTests = filesBelow(`${root}/test`).map((file) => ({
  file: file.slice(root.length),
  text: readFileSync(file, 'utf8'),
}));
const everyFile = [
  ...sources,
  ...sourcesOf('packages', 'test'),
  ...sourcesOf('apps', 'test'),
  ...ownTests,
];

describe('import rules', () => {
  it('sees the sources', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(new Set(sources.map(({ owner }) => owner))).toEqual(new Set(Object.keys(allowed)));
  });

  it('packages import only along the arrows', () => {
    const broken = sources.flatMap(({ owner, file, text }) =>
      importsOf(text)
        .filter((name) => name.startsWith('@babuza/'))
        .map((name) => name.split('/')[1] ?? '')
        .filter((name) => !(allowed[owner] ?? []).includes(name))
        .map((name) => `${file} imports @babuza/${name}`),
    );
    expect(broken).toEqual([]);
  });

  it('only back ends import the parts for back ends', () => {
    const backEnds = [
      'wal-files',
      'wal-native',
      'wal-etcd',
      'wal-level',
      'wal-memory',
      'wal-level-disk',
    ];
    const others = sources
      .filter(({ owner }) => !backEnds.includes(owner))
      .filter(({ text }) => importsOf(text).includes('@babuza/wal-core/backend'));
    expect(others.map(({ file }) => file)).toEqual([]);
  });

  it('the Raft core knows of a log its storage only', () => {
    const names = sources
      .filter(({ owner }) => owner === 'raft-core')
      .flatMap(({ text }) => importsOf(text))
      .filter((name) => !name.startsWith('.'));
    expect([...new Set(names)].sort()).toEqual(['@babuza/raftpb', '@babuza/wal-core/storage']);
  });

  it('sees each kind of import', () => {
    const text = [
      "import { a, type B } from './value.ts';",
      "import type { C } from './type.ts';",
      "import { type D, type E } from './types.ts';",
      "export * from './all.ts';",
      "export type { F } from './exported-type.ts';",
      "import './effect.ts';",
      "const later = await import('./later.ts');",
      "import { g } from '@babuza/vfs';",
    ].join('\n');
    const seen = relativeImportsOf(text).map(({ from, isTypeOnly }) => [from, isTypeOnly]);
    expect(seen).toEqual([
      ['./value.ts', false],
      ['./type.ts', true],
      ['./types.ts', true],
      ['./all.ts', false],
      ['./exported-type.ts', true],
      ['./effect.ts', false],
      ['./later.ts', false],
    ]);
  });

  it('finds a circle over several files, and a file that imports itself', () => {
    const file = (name: string, ...imported: string[]): { file: string; text: string } => ({
      file: `src/${name}.ts`,
      text: imported.map((other) => `import { x } from './${other}.ts';\n`).join(''),
    });
    const files = [
      file('top', 'b', 'self'),
      file('a', 'b', 'leaf'),
      file('b', 'c'),
      file('c', 'a', 'leaf'),
      file('self', 'self'),
      file('leaf'),
    ];
    expect(importCircles(files, () => true)).toEqual([
      ['src/a.ts', 'src/b.ts', 'src/c.ts'],
      ['src/self.ts'],
    ]);
  });

  it('no file imports in a circle, types included', () => {
    expect(importCircles(everyFile, () => true)).toEqual([]);
  });

  it('package.json and tsconfig.json name the same arrows', () => {
    const broken = ['packages', 'apps'].flatMap((kind) =>
      readdirSync(`${root}/${kind}`).flatMap((owner) => {
        const read = (file: string): unknown =>
          JSON.parse(readFileSync(`${root}/${kind}/${owner}/${file}`, 'utf8'));
        const manifest = read('package.json') as {
          dependencies?: Record<string, string>;
          peerDependencies?: Record<string, string>;
        };
        const config = read('tsconfig.json') as { references?: { path: string }[] };
        const declared = Object.keys(manifest.dependencies ?? {})
          .filter((name) => name.startsWith('@babuza/'))
          .map((name) => name.slice('@babuza/'.length));
        const referenced = (config.references ?? []).map(
          ({ path }) => path.split('/').at(-1) ?? '',
        );
        const optional = Object.keys(manifest.peerDependencies ?? {}).map((name) =>
          name.slice('@babuza/'.length),
        );
        const used = sources
          .filter((source) => source.owner === owner)
          .flatMap(({ text }) => importsOf(text))
          .filter((name) => name.startsWith('@babuza/'))
          .map((name) => name.split('/')[1] ?? '');
        return [
          ...[...new Set(used)]
            .filter((name) => !declared.includes(name) && !optional.includes(name))
            .map((name) => `${owner} imports ${name} without declaring it`),
          ...declared
            .filter((name) => !referenced.includes(name))
            .map((name) => `${owner} declares ${name}, its tsconfig.json does not reference it`),
        ];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('only vfs touches files', () => {
    const broken = sources
      .filter(({ owner }) => !nodeFsAllowed.includes(owner))
      .filter(({ text }) => importsOf(text).some((name) => /^(node:)?fs(\/promises)?$/.test(name)))
      .map(({ file }) => file);
    expect(broken).toEqual([]);
  });

  it('time and chance come through vfs', () => {
    const forbidden = /\b(?:Date\.now|Math\.random|setTimeout|setInterval|performance\.now)\s*\(/;
    const broken = sources
      .filter(({ owner }) => !timeAndChanceAllowed.includes(owner))
      .filter(({ text }) => forbidden.test(text))
      .map(({ file }) => file);
    expect(broken).toEqual([]);
  });

  it('no library writes to the terminal', () => {
    const broken = sources
      .filter(({ file }) => file.startsWith('packages/'))
      .filter(({ text }) => /\bconsole\.|process\.std(?:out|err)\b/.test(text))
      .map(({ file }) => file);
    expect(broken).toEqual([]);
  });

  it('who implements the ports of the node knows their types only', () => {
    const broken = sources
      .filter(({ owner }) => implementsPorts.includes(owner))
      .flatMap(({ file, text }) =>
        text
          .split(';')
          .filter((statement) => /from '@babuza\/raft(?:\/ports)?'/.test(statement))
          .filter((statement) => !/(?:import|export) type \{[^}]*\} from/.test(statement))
          .map(() => file),
      );
    expect(broken).toEqual([]);
  });

  it('the back ends do not know each other', () => {
    const onLevel = ['wal-memory', 'wal-level-disk'];
    const backEnds = ['wal-native', 'wal-etcd', 'wal-level', ...onLevel];
    const broken = backEnds.flatMap((owner) =>
      (allowed[owner] ?? [])
        .filter(
          (name) => backEnds.includes(name) && !(onLevel.includes(owner) && name === 'wal-level'),
        )
        .map((name) => `${owner} → ${name}`),
    );
    expect(broken).toEqual([]);
  });

  it('test code is not shipped, and the simulated world is imported by tests and the fuzzer only', () => {
    const isTestCode = (owner: string): boolean => owner === 'testkit' || owner === 'fuzz';
    const broken = sources
      .filter(
        ({ owner, text }) => !isTestCode(owner) && importsOf(text).includes('@babuza/testkit'),
      )
      .map(({ file }) => file);
    expect(broken).toEqual([]);
  });
});
