import type { PromiseId } from './promises.ts';

/**
 * An error that is planted in the source of a package, one at a time, and the test that must fail
 * because of it. The change is made while the source is loaded; no file is written.
 */
export interface Mutant {
  /** A sentence that says what the planted error does. */
  readonly name: string;
  /** The source file, below `packages/`. */
  readonly file: string;
  /** The text that the file has exactly once, and the text that stands there instead. */
  readonly find: string;
  readonly replace: string;
  /**
   * The test file, below `packages/` or with `apps/` in front, and a part of the full title of a
   * test in it that must fail.
   */
  readonly caughtBy: readonly [file: string, title: string];
  /** The promise of docs/DURABILITY.md that it breaks, if any. */
  readonly promise?: PromiseId;
}

/** The path of a test file from the root of the repository. */
export function pathOfTest(file: string): string {
  return file.startsWith('apps/') ? file : `packages/${file}`;
}
