/** Chooses the mutants of a package, runs those that have no result yet, and gives the results. */
import { mkdirSync } from 'node:fs';
import type { Arguments } from './arguments.ts';
import { changedSince } from './changed-lines.ts';
import { recordCoverage, type FileCoverage } from './coverage.ts';
import { pointAround, pointsOf } from './coverage-points.ts';
import { hash, read, sourcesOf, testsHash, testsOf, workFolder } from './files.ts';
import { generateMutants } from './generate.ts';
import { filesAlone } from './baseline.ts';
import { Judge, type Verdict } from './judge.ts';
import { Killers } from './killers.ts';
import type { Mutant } from './mutant.ts';
import { runsFor, type Order, type Run } from './plan.ts';
import { Results, type Result } from './results.ts';
import { sample } from './sample.ts';
import type { Target } from './targets.ts';

/** All mutants of the target's files, without any choice. */
export function mutantsOf(target: Target): readonly Mutant[] {
  return sourcesOf(target).flatMap((file) => generateMutants(file, read(file)));
}

/** Those that the arguments choose. */
export function chosenMutants(target: Target, chosen: Arguments): readonly Mutant[] {
  const { files, changed, sample: count, seed } = chosen;
  const isChanged = changed === undefined ? undefined : changedSince(changed);
  const mutants = mutantsOf(target).filter(({ file, line, original }) => {
    if (!file.includes(files)) return false;
    return isChanged?.(file, line, line + original.split('\n').length - 1) ?? true;
  });
  return count === undefined ? mutants : sample(mutants, count, seed);
}

/** How a run is told about, and ended before all mutants have run. */
export interface Outside {
  readonly tell: (text: string) => void;
  readonly isOver: () => boolean;
}

/** Those of the chosen mutants that have a result, from this run or an earlier one. */
export async function runTarget(
  target: Target,
  chosen: Arguments,
  longLadders: ReadonlySet<string>,
  outside: Outside,
): Promise<readonly Result[]> {
  const { tell, isOver } = outside;
  mkdirSync(workFolder, { recursive: true });
  const results = new Results(`${workFolder}/${target.package}.jsonl`);
  const { testsMsMax } = chosen;
  const tests = testsHash(target, testsMsMax);
  const sourceHashes = new Map<string, string>();
  const sourceHashOf = ({ file }: Mutant): string => {
    const known = sourceHashes.get(file) ?? hash(read(file));
    sourceHashes.set(file, known);
    return known;
  };
  const mutants = chosenMutants(target, chosen);
  const known = (mutant: Mutant): Result | undefined =>
    results.of(mutant, sourceHashOf(mutant), tests);
  const open = chosen.again
    ? [...mutants]
    : mutants.filter((mutant) => known(mutant) === undefined);
  if (open.length > 0 && !isOver()) {
    const leftOut = chosen.withLongLadders ? new Set<string>() : longLadders;
    const files = testsOf(target, leftOut);
    const coverage = await recordCoverage(target.package, sourcesOf(target), files, tell);
    const keep = (mutant: Mutant, verdict: Verdict, durationMs: number): void => {
      const sourceHash = sourceHashOf(mutant);
      const { outcome, by } = verdict;
      results.add({ mutant, outcome, by, sourceHash, testsHash: tests, durationMs });
    };
    const { jobs } = chosen;
    await judgeAll({ name: target.package, open, coverage, jobs, testsMsMax, keep, outside });
  }
  return mutants.flatMap((mutant) => known(mutant) ?? []);
}

interface Work {
  readonly name: string;
  /** They are taken from the front. */
  readonly open: Mutant[];
  readonly coverage: readonly FileCoverage[];
  readonly jobs: number;
  readonly testsMsMax: number;
  readonly keep: (mutant: Mutant, verdict: Verdict, durationMs: number) => void;
  readonly outside: Outside;
}

async function judgeAll(judging: Work): Promise<void> {
  const { name, open, coverage, jobs, testsMsMax, keep } = judging;
  const { tell, isOver } = judging.outside;
  const killers = new Killers();
  const all = open.length;
  const judges = await Promise.all(Array.from({ length: jobs }, () => Judge.open(coverage)));
  const work = async (judge: Judge, alone: Set<string>): Promise<void> => {
    const plan = planFor(coverage, ({ file }) => ({ alone, first: killers.of(file), testsMsMax }));
    while (!isOver()) {
      const mutant = open.shift();
      if (mutant === undefined) return;
      const startedMs = performance.now();
      let verdict = await judge.judge(mutant, plan(mutant));
      while (verdict.file !== undefined && !alone.has(verdict.file)) {
        if (await judge.isIndependent(verdict)) break;
        alone.add(verdict.file);
        verdict = await judge.judge(mutant, plan(mutant));
      }
      if (verdict.testId !== undefined) killers.add(mutant.file, verdict.testId);
      const durationMs = Math.round(performance.now() - startedMs);
      keep(mutant, verdict, durationMs);
      tell(`${all - open.length} of ${all}: ${verdict.outcome} in ${durationMs} ms`);
    }
  };
  try {
    tell('the tests run together on the sources as they are');
    const [first] = judges;
    const alone = first === undefined ? new Set<string>() : await filesAlone(name, coverage, first);
    await Promise.all(judges.map((judge) => work(judge, alone)));
  } finally {
    await Promise.all(judges.map((judge) => judge.close()));
  }
}

/** Finds the tests of a mutant; the points of a file are looked for once. */
function planFor(
  coverage: readonly FileCoverage[],
  orderOf: (mutant: Mutant) => Order,
): (mutant: Mutant) => readonly Run[] {
  const points = new Map<string, ReturnType<typeof pointsOf>>();
  return (mutant) => {
    const { file } = mutant;
    const ofFile = points.get(file) ?? pointsOf(file, read(file));
    points.set(file, ofFile);
    const number = pointAround(ofFile, mutant);
    const point = number === undefined ? undefined : `${file}:${number}`;
    return runsFor(point, file, coverage, orderOf(mutant));
  };
}
