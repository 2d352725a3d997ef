/**
 * Which test passes which points, recorded once and kept for as long as the sources are the same.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { instrument } from './coverage-points.ts';
import { hash, read, root, workFolder } from './files.ts';
import { VitestSession } from './vitest-session.ts';

export interface CoveringTest {
  readonly id: string;
  readonly title: string;
  readonly durationMs: number;
  /** `file:number` of each point. */
  readonly points: readonly string[];
}

/** The results of a test file on sources without an error. */
export interface FileCoverage {
  readonly file: string;
  /** Each file of the repository that was loaded, and the hash of its content. */
  readonly loaded: Readonly<Record<string, string>>;
  /** The time to start the process and to load the modules. */
  readonly startMs: number;
  /** The places that were passed outside its tests. */
  readonly outside: readonly string[];
  /** The tests that passed; those that are skipped say nothing about mutants. */
  readonly tests: readonly CoveringTest[];
}

/** Throws where a test fails without a mutant. */
export async function recordCoverage(
  name: string,
  sources: readonly string[],
  tests: readonly string[],
  tell: (text: string) => void,
): Promise<readonly FileCoverage[]> {
  const folder = `${workFolder}/coverage/${name}`;
  mkdirSync(folder, { recursive: true });
  const recorded = new Map<string, FileCoverage>();
  for (const test of tests) {
    const known = recall(folder, test, sources);
    if (known !== undefined) recorded.set(test, known);
  }
  const missing = tests.filter((test) => !recorded.has(test));
  if (missing.length > 0) {
    for (const coverage of await record(folder, sources, missing, tell)) {
      recorded.set(coverage.file, coverage);
    }
  }
  return tests.flatMap((test) => recorded.get(test) ?? []);
}

function pathOf(folder: string, test: string): string {
  return `${folder}/${test.replaceAll('/', '_')}.json`;
}

/** Coverage counts for as long as everything that the test had loaded is the same. */
function recall(
  folder: string,
  test: string,
  sources: readonly string[],
): FileCoverage | undefined {
  const path = pathOf(folder, test);
  if (!existsSync(path)) return undefined;
  const { sources: recordedSources, coverage } = JSON.parse(readFileSync(path, 'utf8')) as {
    sources: readonly string[];
    coverage: FileCoverage;
  };
  if (recordedSources.join() !== sources.join()) return undefined;
  const isSame = Object.entries(coverage.loaded).every(
    ([file, sum]) => existsSync(`${root}/${file}`) && hash(read(file)) === sum,
  );
  return isSame ? coverage : undefined;
}

async function record(
  folder: string,
  sources: readonly string[],
  tests: readonly string[],
  tell: (text: string) => void,
): Promise<readonly FileCoverage[]> {
  const measured = new Set(sources);
  const found: FileCoverage[] = [];
  const failed: string[] = [];
  let session: VitestSession | undefined;
  const reporter: Reporter = {
    onTestModuleEnd(module: TestModule): void {
      const coverage = coverageOf(module);
      tell(`coverage: ${found.length + 1} of ${tests.length}, ${coverage.file}`);
      found.push(coverage);
      if (module.ok()) {
        writeFileSync(pathOf(folder, coverage.file), JSON.stringify({ sources, coverage }));
      } else {
        failed.push(coverage.file);
      }
    },
  };
  session = await VitestSession.open({
    change: (file, source) => (measured.has(file) ? instrument(file, source) : undefined),
    setupFile: 'record-coverage.ts',
    reporter,
    stopsAtFailure: false,
    isolates: true,
  });
  try {
    const specifications = tests.map((test) => session.specification(test));
    await session.run(specifications, 3_600_000);
  } finally {
    await session.close();
  }
  if (failed.length > 0) {
    throw new Error(
      `tests fail without a mutant, so they cannot judge one: ${failed.join(', ')}. Make them pass, then run this again`,
    );
  }
  return found;
}

function coverageOf(module: TestModule): FileCoverage {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration } =
    module.diagnostic();
  return {
    file: module.moduleId.slice(root.length + 1),
    loaded: loadedBy(module),
    startMs: Math.round(
      environmentSetupDuration + prepareDuration + collectDuration + setupDuration,
    ),
    outside: module.meta().passedPoints ?? [],
    tests: [...module.children.allTests('passed')].map((test) => ({
      id: test.id,
      title: test.fullName,
      durationMs: Math.round(test.diagnostic()?.duration ?? 0),
      points: test.meta().passedPoints ?? [],
    })),
  };
}

function loadedBy(module: TestModule): Record<string, string> {
  const loaded: Record<string, string> = {};
  const graph = module.viteEnvironment?.moduleGraph;
  const start = graph?.getModuleById(module.moduleId);
  const open = start === undefined ? [] : [start];
  const seen = new Set(open);
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const file = node.file?.startsWith(`${root}/`) ? node.file.slice(root.length + 1) : undefined;
    if (file !== undefined && !file.includes('node_modules/')) loaded[file] = hash(read(file));
    for (const next of node.importedModules) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
  }
  return loaded;
}
