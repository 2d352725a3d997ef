/**
 * The committed lists of mutants that change nothing that a test could see, each with its reason.
 */
import { existsSync } from 'node:fs';
import { read, root } from './files.ts';
import { textKey, type Mutant } from './mutant.ts';

export interface Equivalent {
  /** The path below the root of the repository. */
  readonly file: string;
  /** As a run prints them: `within` is the function, the texts are shortened. */
  readonly within: string;
  readonly original: string;
  readonly replacement: string;
  /** A sentence that says why no test can see the change. */
  readonly reason: string;
}

export function equivalentsOf(name: string): readonly Equivalent[] {
  const file = `apps/mutants/equivalent/${name}.json`;
  if (!existsSync(`${root}/${file}`)) return [];
  return JSON.parse(read(file)) as Equivalent[];
}

export function isEquivalent(mutant: Mutant, equivalents: readonly Equivalent[]): boolean {
  const key = textKey(mutant);
  return equivalents.some((each) => textKey(each) === key);
}

/** The entries whose text is gone from the sources, or that give no reason. */
export function outdated(
  equivalents: readonly Equivalent[],
  mutants: readonly Mutant[],
): readonly Equivalent[] {
  const keys = new Set(mutants.map(textKey));
  return equivalents.filter((each) => !keys.has(textKey(each)) || each.reason.trim() === '');
}
