/** The report at the end of a run. */
import { isEquivalent, type Equivalent } from './equivalents.ts';
import { shortText, type Mutant } from './mutant.ts';
import type { Outcome, Result } from './results.ts';

export interface Summary {
  readonly killed: number;
  readonly survived: number;
  readonly timeout: number;
  readonly noCoverage: number;
  /** Mutants that survived or were not covered and that the committed list explains. */
  readonly equivalent: number;
  /**
   * The percentage of killed mutants among killed, survived and uncovered ones. Timeouts and
   * equivalent mutants do not count.
   */
  readonly score: number;
}

export function summaryOf(results: readonly Result[], equivalents: readonly Equivalent[]): Summary {
  const counted = results.filter((result) => !isExplained(result, equivalents));
  const count = (outcome: Outcome): number =>
    counted.filter((result) => result.outcome === outcome).length;
  const [killed, survived, noCoverage] = [count('killed'), count('survived'), count('no coverage')];
  const all = killed + survived + noCoverage;
  return {
    killed,
    survived,
    timeout: count('timeout'),
    noCoverage,
    equivalent: results.length - counted.length,
    score: all === 0 ? 100 : (100 * killed) / all,
  };
}

/** The mutants that need a test or a reason, in the order of their positions. */
export function unexplained(
  results: readonly Result[],
  equivalents: readonly Equivalent[],
): readonly Result[] {
  return results.filter(
    (result) => result.outcome !== 'killed' && !isExplained(result, equivalents),
  );
}

function isExplained({ mutant, outcome }: Result, equivalents: readonly Equivalent[]): boolean {
  return outcome !== 'killed' && isEquivalent(mutant, equivalents);
}

export function describe(mutant: Mutant): string {
  const { file, line, within, operator, original, replacement } = mutant;
  const position = `${file}:${line}${within === '' ? '' : ` in ${within}`}`;
  return `${position}: ${operator}: ${shortText(original)}  →  ${shortText(replacement)}`;
}

export function summaryText(name: string, summary: Summary, secondsPerMutant: number): string {
  const { killed, survived, timeout, noCoverage, equivalent, score } = summary;
  if (killed + survived + noCoverage + timeout + equivalent === 0) return `${name}: no results`;
  return [
    `${name}: score ${score.toFixed(1)} %`,
    `${killed} killed, ${survived} survived, ${noCoverage} without coverage, ${timeout} timeouts, ${equivalent} equivalent`,
    `${secondsPerMutant.toFixed(1)} s per mutant`,
  ].join('; ');
}
