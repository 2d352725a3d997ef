/** Chooses the tests that judge a mutant, the fastest first. */
import type { CoveringTest, FileCoverage } from './coverage.ts';

/** Tests of one file. */
export interface Step {
  readonly file: string;
  readonly testIds: readonly string[];
  readonly normalMs: number;
}

/** Steps that run in one process, one after the other. */
export type Run = readonly Step[];

/**
 * Tests of similar length run together: first those of up to 100 ms, then of up to 1 s, then all.
 */
const tiersMs = [100, 1000, Infinity];

/**
 * The runs in their order; none: no test passes the place. `point` is `file:number`. The test files
 * in `alone` run whole, in a process of their own: their tests need what ran before them.
 */
export function runsFor(
  point: string | undefined,
  source: string,
  coverage: readonly FileCoverage[],
  alone: ReadonlySet<string>,
): readonly Run[] {
  const covering = coverage.map((file) => {
    const tests = coveringTests(point, source, file);
    return {
      file: file.file,
      tests: alone.has(file.file) && tests.length > 0 ? file.tests : tests,
    };
  });
  const apart = covering.filter(({ file }) => alone.has(file));
  const together = covering.filter(({ file }) => !alone.has(file));
  return tiersMs.flatMap((upToMs, tier) => {
    const aboveMs = tiersMs[tier - 1] ?? -1;
    const isIn = (ms: number): boolean => ms > aboveMs && ms <= upToMs;
    const run = together.flatMap(({ file, tests }) =>
      stepOf(
        file,
        tests.filter(({ durationMs }) => isIn(durationMs)),
      ),
    );
    const runs = apart
      .map(({ file, tests }) => stepOf(file, tests).filter(({ normalMs }) => isIn(normalMs)))
      .filter((steps) => steps.length > 0);
    return run.length === 0 ? runs : [run.sort((a, b) => a.normalMs - b.normalMs), ...runs];
  });
}

/** The time of the steps without a mutant, with the start of the process and the loading. */
export function normalMsOf(run: Run, coverage: readonly FileCoverage[]): number {
  const startMs = new Map(coverage.map((file) => [file.file, file.startMs]));
  return run.reduce((sum, step) => sum + step.normalMs + (startMs.get(step.file) ?? 0), 0);
}

function coveringTests(
  point: string | undefined,
  source: string,
  file: FileCoverage,
): readonly CoveringTest[] {
  // Code that runs while modules are loaded counts for all tests that load the file.
  const isLoaded = file.loaded[source] !== undefined;
  if (point === undefined) return isLoaded ? file.tests : [];
  if (file.outside.includes(point)) return file.tests;
  return file.tests.filter(({ points }) => points.includes(point));
}

function stepOf(file: string, tests: readonly CoveringTest[]): readonly Step[] {
  if (tests.length === 0) return [];
  const testIds = tests.map(({ id }) => id);
  return [{ file, testIds, normalMs: tests.reduce((sum, { durationMs }) => sum + durationMs, 0) }];
}
