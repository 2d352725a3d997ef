/**
 * One vitest that lives for many runs: what it has transformed once it does not transform again.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createVitest, type Reporter, type TestSpecification, type Vitest } from 'vitest/node';
import { root } from './files.ts';

/** Changes the source of a file below the root; `undefined` leaves it alone. */
export type Change = (file: string, source: string) => string | undefined;

export interface SessionOptions {
  readonly change: Change;
  /** A file below `apps/mutants/src/in-worker/`. */
  readonly setupFile: string;
  readonly reporter: Reporter;
  /** Stops a run after the first failed test. */
  readonly stopsAtFailure: boolean;
  /** Each test file has a process of its own; otherwise all files of a run share one. */
  readonly isolates: boolean;
}

const conditions = ['@babuza/source', 'node', 'import', 'module', 'default'];

export class VitestSession {
  readonly vitest: Vitest;
  readonly #processFolder: string;

  private constructor(vitest: Vitest, processFolder: string) {
    this.vitest = vitest;
    this.#processFolder = processFolder;
  }

  static async open(options: SessionOptions): Promise<VitestSession> {
    const processFolder = mkdtempSync(`${tmpdir()}/babuza-mutants-`);
    const vitest = await createVitest(
      'test',
      {
        root,
        config: false,
        watch: false,
        setupFiles: [
          `${root}/test/fixed-seed.ts`,
          `${root}/apps/mutants/src/in-worker/${options.setupFile}`,
        ],
        include: ['packages/*/test/**/*.test.ts'],
        reporters: [options.reporter],
        silent: true,
        testTimeout: 60_000,
        hookTimeout: 60_000,
        bail: options.stopsAtFailure ? 1 : 0,
        // The order of the files is the order in which they are given.
        fileParallelism: false,
        maxWorkers: 1,
        isolate: options.isolates,
        env: { BABUZA_MUTANT_PROCESSES: processFolder },
        sequence: { sequencer: GivenOrder },
      },
      {
        resolve: { conditions },
        ssr: { resolve: { conditions } },
        plugins: [
          {
            name: 'babuza-mutants',
            enforce: 'pre',
            transform(source: string, id: string): string | undefined {
              if (!id.startsWith(`${root}/`)) return undefined;
              return options.change(id.slice(root.length + 1), source);
            },
          },
        ],
      },
    );
    const session = new VitestSession(vitest, processFolder);
    session.#endWithThisProcess();
    return session;
  }

  /** A change that made a test run for ever would leave its process behind. */
  #endWithThisProcess(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        this.#endProcesses();
        process.exit(1);
      });
    }
  }

  specification(file: string, testIds?: readonly string[]): TestSpecification {
    const project = this.vitest.getRootProject();
    return project.createSpecification(
      `${root}/${file}`,
      testIds === undefined ? undefined : { testIds: [...testIds] },
    );
  }

  /** The next run takes the file through `change` again. */
  invalidate(file: string): void {
    this.vitest.invalidateFile(`${root}/${file}`);
  }

  /** Resolves to `false` where the run took longer; its processes were ended then. */
  async run(specifications: TestSpecification[], limitMs: number): Promise<boolean> {
    this.#forgetProcesses();
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      // Vitest's own way to cancel a run waits for its process, which may never answer.
      this.#endProcesses();
    }, limitMs);
    try {
      await this.vitest.runTestSpecifications(specifications);
    } finally {
      clearTimeout(timer);
    }
    return !isOver;
  }

  async close(): Promise<void> {
    await this.vitest.close();
    rmSync(this.#processFolder, { recursive: true, force: true });
  }

  #forgetProcesses(): void {
    for (const name of readdirSync(this.#processFolder)) rmSync(`${this.#processFolder}/${name}`);
  }

  /** The processes that run the tests of this session only. */
  #endProcesses(): void {
    if (!existsSync(this.#processFolder)) return;
    for (const name of readdirSync(this.#processFolder)) {
      try {
        process.kill(Number(name), 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
}

/** Vitest's own order is by what it remembers of earlier runs. */
class GivenOrder {
  sort(files: TestSpecification[]): TestSpecification[] {
    return files;
  }

  shard(files: TestSpecification[]): TestSpecification[] {
    return files;
  }
}
