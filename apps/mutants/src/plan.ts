/**
 * Chooses the tests that judge a mutant: those that found errors of its file come first, then the
 * fastest.
 */
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

export interface Order {
  /**
   * These test files run whole, in a process of their own: their tests need what ran before them.
   */
  readonly alone: ReadonlySet<string>;
  /** The ids of the tests that run before all others. */
  readonly first: ReadonlySet<string>;
  /** The tests take no longer without a mutant; the slowest ones are left out. */
  readonly testsMsMax: number;
}

/** The runs in their order; none: no test passes the place. `point` is `file:number`. */
export function runsFor(
  point: string | undefined,
  source: string,
  coverage: readonly FileCoverage[],
  { alone, first, testsMsMax }: Order,
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
  const chosen = (isChosen: (test: CoveringTest) => boolean): Run =>
    together
      .flatMap(({ file, tests }) => stepOf(file, tests.filter(isChosen)))
      .sort((a, b) => a.normalMs - b.normalMs);
  const tiers = tiersMs.flatMap((upToMs, tier) => {
    const aboveMs = tiersMs[tier - 1] ?? -1;
    const isIn = (ms: number): boolean => ms > aboveMs && ms <= upToMs;
    const runs = apart.map(({ file, tests }) =>
      stepOf(file, tests).filter(({ normalMs }) => isIn(normalMs)),
    );
    // A file that runs alone has fakes in place of modules: no connection that hangs ends its run.
    return [...runs, chosen(({ id, durationMs }) => !first.has(id) && isIn(durationMs))];
  });
  const runs = [chosen(({ id }) => first.has(id)), ...tiers];
  return upTo(testsMsMax, runs).filter((run) => run.length > 0);
}

/**
 * Keeps the part of the runs that fits into the time. The first test always runs: no mutant is left
 * without one.
 */
function upTo(testsMsMax: number, runs: readonly Run[]): readonly Run[] {
  let sumMs = 0;
  return runs.map((run) =>
    run.filter(({ normalMs }) => {
      const isFirst = sumMs === 0;
      sumMs += Math.max(1, normalMs);
      return isFirst || sumMs <= testsMsMax;
    }),
  );
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
