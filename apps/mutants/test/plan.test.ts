import { describe, expect, it } from 'vitest';
import type { FileCoverage } from '../src/coverage.ts';
import { runsFor, type Order } from '../src/plan.ts';

const source = 'packages/x/src/a.ts';
const point = `${source}:3`;
const none: ReadonlySet<string> = new Set();
const together: Order = { alone: none, first: none, testsMsMax: Infinity };

function fileCoverage(
  file: string,
  tests: Record<string, [durationMs: number, passes: boolean]>,
  outside: string[] = [],
): FileCoverage {
  return {
    file,
    loaded: { [source]: 'hash' },
    startMs: 10,
    outside,
    tests: Object.entries(tests).map(([id, [durationMs, passes]]) => ({
      id,
      title: id,
      durationMs,
      points: passes ? [point] : [],
    })),
  };
}

function idsOf(runs: ReturnType<typeof runsFor>): (readonly string[])[] {
  return runs.map((run) => run.flatMap(({ testIds }) => testIds));
}

describe('plan', () => {
  it('takes the tests that pass the point, short ones of all files before long ones', () => {
    const coverage = [
      fileCoverage('b.test.ts', { long: [5000, true], short: [90, true], other: [1, false] }),
      fileCoverage('c.test.ts', { shorter: [10, true], middle: [101, true] }),
    ];
    expect(idsOf(runsFor(point, source, coverage, together))).toEqual([
      ['shorter', 'short'],
      ['middle'],
      ['long'],
    ]);
  });

  it('takes all tests of a file that passes the point outside its tests', () => {
    const coverage = [fileCoverage('b.test.ts', { a: [1, false], b: [2, false] }, [point])];
    expect(idsOf(runsFor(point, source, coverage, together))).toEqual([['a', 'b']]);
  });

  it('takes all tests that load the file for a place without a point', () => {
    const coverage = [fileCoverage('b.test.ts', { a: [1, false] })];
    expect(idsOf(runsFor(undefined, source, coverage, together))).toEqual([['a']]);
    expect(runsFor(undefined, 'packages/x/src/never-loaded.ts', coverage, together)).toEqual([]);
  });

  it('runs a file whose tests need each other whole, by itself, and before others of its length', () => {
    const coverage = [
      fileCoverage('b.test.ts', { first: [1, true] }),
      fileCoverage('c.test.ts', { alone: [2, true], before: [90, false] }),
      fileCoverage('d.test.ts', { last: [3, true] }),
    ];
    const runs = runsFor(point, source, coverage, {
      ...together,
      alone: new Set(['c.test.ts']),
    });
    expect(idsOf(runs)).toEqual([
      ['alone', 'before'],
      ['first', 'last'],
    ]);
  });

  it('takes the tests that found errors of the file before all others, and no test twice', () => {
    const coverage = [
      fileCoverage('b.test.ts', { short: [1, true], finder: [5000, true] }),
      fileCoverage('c.test.ts', { middle: [500, true] }),
    ];
    const order = { ...together, first: new Set(['finder', 'elsewhere']) };
    expect(idsOf(runsFor(point, source, coverage, order))).toEqual([
      ['finder'],
      ['short'],
      ['middle'],
    ]);
  });

  it('leaves the slowest tests out where their time has a limit, but never all', () => {
    const coverage = [
      fileCoverage('b.test.ts', { a: [90, true], b: [800, true] }),
      fileCoverage('c.test.ts', { c: [900, true] }),
    ];
    const idsIn = (testsMsMax: number): (readonly string[])[] =>
      idsOf(runsFor(point, source, coverage, { ...together, testsMsMax }));
    expect(idsIn(1000)).toEqual([['a'], ['b']]);
    expect(idsIn(890)).toEqual([['a'], ['b']]);
    expect(idsIn(889)).toEqual([['a']]);
    expect(idsIn(1)).toEqual([['a']]);
  });

  it('has no run for a point that no test passes', () => {
    expect(
      runsFor(point, source, [fileCoverage('b.test.ts', { a: [1, false] })], together),
    ).toEqual([]);
  });
});
