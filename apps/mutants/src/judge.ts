/** Runs the tests on the sources with one mutant, and returns the outcome. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { root } from './files.ts';
import { applyMutant, type Mutant } from './mutant.ts';
import type { FileCoverage } from './coverage.ts';
import { normalMsOf, type Run } from './plan.ts';
import type { Outcome } from './results.ts';
import { VitestSession } from './vitest-session.ts';

export interface Verdict {
  readonly outcome: Outcome;
  readonly by: string | undefined;
  /** The test file in which `by` failed, and the id of the test. */
  readonly file?: string;
  readonly testId?: string;
}

/**
 * A run may take this many times its duration without a mutant, because the machine may be busy.
 */
const limitFactor = 6;
const limitFloorMs = 10_000;

export class Judge {
  readonly #session: VitestSession;
  readonly #run: RunReporter;
  readonly #current: { mutant: Mutant | undefined };
  readonly #coverage: readonly FileCoverage[];
  /** The tests that pass alone on the unchanged sources. */
  readonly #independent = new Set<string>();

  private constructor(
    session: VitestSession,
    run: RunReporter,
    current: { mutant: Mutant | undefined },
    coverage: readonly FileCoverage[],
  ) {
    this.#session = session;
    this.#run = run;
    this.#current = current;
    this.#coverage = coverage;
  }

  static async open(coverage: readonly FileCoverage[]): Promise<Judge> {
    const current: { mutant: Mutant | undefined } = { mutant: undefined };
    const run = new RunReporter();
    const session = await VitestSession.open({
      change: (file, source) =>
        current.mutant?.file === file ? applyMutant(source, current.mutant) : undefined,
      setupFile: 'tell-process.ts',
      reporter: run,
      stopsAtFailure: true,
      isolates: false,
    });
    return new Judge(session, run, current, coverage);
  }

  /** `mutant` is `undefined` for the sources as they are. */
  async judge(mutant: Mutant | undefined, runs: readonly Run[]): Promise<Verdict> {
    if (runs.length === 0) return { outcome: 'no coverage', by: undefined };
    const before = this.#current.mutant;
    this.#current.mutant = mutant;
    for (const changed of [before, mutant]) {
      if (changed !== undefined) this.#session.invalidate(changed.file);
    }
    for (const run of runs) {
      const verdict = await this.#judgeRun(run);
      if (verdict !== undefined) return verdict;
    }
    return { outcome: 'survived', by: undefined };
  }

  /**
   * Whether the test that killed a mutant also passes alone without a mutant. A test that depends
   * on earlier tests would otherwise seem to kill every mutant.
   */
  async isIndependent({ file, testId }: Verdict): Promise<boolean> {
    if (file === undefined || testId === undefined || this.#independent.has(testId)) return true;
    const { outcome } = await this.judge(undefined, [[{ file, testIds: [testId], normalMs: 0 }]]);
    if (outcome !== 'survived') return false;
    this.#independent.add(testId);
    return true;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #judgeRun(run: Run): Promise<Verdict | undefined> {
    this.#run.begin();
    const limitMs = limitFloorMs + limitFactor * normalMsOf(run, this.#coverage);
    const isInTime = await this.#session.run(
      run.map(({ file, testIds }) => this.#session.specification(file, testIds)),
      limitMs,
    );
    const { failed, timedOut, otherError } = this.#run;
    if (failed !== undefined) return { outcome: 'killed', ...failed };
    if (!isInTime) return { outcome: 'timeout', by: `more than ${limitMs} ms` };
    if (timedOut !== undefined) return { outcome: 'timeout', ...timedOut };
    if (otherError !== undefined) return { outcome: 'killed', ...otherError };
    return undefined;
  }
}

type Failure = { readonly by: string; readonly file?: string; readonly testId?: string };

function fileOf(module: TestModule): string {
  return module.moduleId.slice(root.length + 1);
}

/** Keeps the first failure of a run. */
class RunReporter implements Reporter {
  failed: Failure | undefined;
  timedOut: Failure | undefined;
  otherError: Failure | undefined;

  begin(): void {
    this.failed = undefined;
    this.timedOut = undefined;
    this.otherError = undefined;
  }

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state !== 'failed') return;
    const isTimeout = errors.every(({ message }) => /^(?:Test|Hook) timed out in/.test(message));
    const failure = { by: test.fullName, file: fileOf(test.module), testId: test.id };
    if (isTimeout) this.timedOut ??= failure;
    else this.failed ??= failure;
  }

  /** A file that cannot be loaded, and a hook of a suite that fails, have no failed test. */
  onTestModuleEnd(module: TestModule): void {
    if (module.state() !== 'failed') return;
    const [error] = module.errors();
    this.otherError ??= { by: error?.message ?? 'a hook failed', file: fileOf(module) };
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly { message?: unknown }[]): void {
    const [error] = errors;
    if (error === undefined) return;
    this.otherError ??= { by: `unhandled error: ${String(error.message)}` };
  }
}
