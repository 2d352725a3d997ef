/**
 * The outcome of each mutant is one line in a file, so that a run goes on where it ended.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Mutant } from './mutant.ts';

export type Outcome = 'killed' | 'survived' | 'timeout' | 'no coverage';

export interface Result {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  /** The hash of the source file. */
  readonly sourceHash: string;
  /** The hash of all tests of the target: a survivor is tried again when they have changed. */
  readonly testsHash: string;
  /** The test that failed, or the reason why a run counts as killed without one. */
  readonly by: string | undefined;
  readonly durationMs: number;
}

export class Results {
  readonly #path: string;
  readonly #results = new Map<string, Result>();

  /** Reads what an earlier run left in the file, which need not exist. */
  constructor(path: string) {
    this.#path = path;
    if (!existsSync(path)) return;
    const text = readFileSync(path, 'utf8');
    // A new line must not continue one that was cut.
    if (text !== '' && !text.endsWith('\n')) appendFileSync(path, '\n');
    for (const line of text.split('\n')) {
      const result = parseLine(line);
      if (result !== undefined) {
        this.#results.set(resultKey(result.mutant, result.sourceHash), result);
      }
    }
  }

  /** The result that still holds for a mutant; `undefined`: the mutant has to run. */
  of(mutant: Mutant, sourceHash: string, testsHash: string): Result | undefined {
    const result = this.#results.get(resultKey(mutant, sourceHash));
    if (result === undefined) return undefined;
    return result.outcome === 'killed' || result.testsHash === testsHash ? result : undefined;
  }

  add(result: Result): void {
    this.#results.set(resultKey(result.mutant, result.sourceHash), result);
    appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
  }
}

function resultKey(
  { file, start, end, operator, replacement }: Mutant,
  sourceHash: string,
): string {
  return JSON.stringify([file, sourceHash, start, end, operator, replacement]);
}

/** A line that was cut when the process ended is left out: its mutant runs again. */
function parseLine(line: string): Result | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as Result;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
