/** The committed lists name changes that the sources still have, each with a reason. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { equivalentsOf, isEquivalent, outdated } from '../src/equivalents.ts';
import { root } from '../src/files.ts';
import { generateMutants } from '../src/generate.ts';
import { mutantsOf } from '../src/run-target.ts';
import { only } from './only.ts';
import { targets } from '../src/targets.ts';

describe('equivalent mutants', () => {
  it.each(targets)('of $package are up to date', (target) => {
    expect(outdated(equivalentsOf(target.package), mutantsOf(target))).toEqual([]);
  });

  it('have a list of a package that has mutants', () => {
    const names = new Set(targets.map((target) => `${target.package}.json`));
    const lists = readdirSync(`${root}/apps/mutants/equivalent`).filter((name) =>
      name.endsWith('.json'),
    );
    expect(lists.filter((name) => !names.has(name))).toEqual([]);
  });

  const entry = {
    file: 'a.ts',
    within: 'f',
    original: 'a < b',
    replacement: 'a <= b',
    reason: 'Both are never equal.',
  };

  it('are recognised where lines have moved', () => {
    const mutants = generateMutants('a.ts', '\n\nfunction f() { return a <\n  b; }');
    const mutant = only(mutants.filter(({ operator }) => operator === 'boundary'));
    expect(isEquivalent(mutant, [entry])).toBe(true);
    expect(isEquivalent(mutant, [{ ...entry, within: 'g' }])).toBe(false);
  });

  it('are outdated when the text is gone or the reason is empty', () => {
    const mutants = generateMutants('a.ts', 'function f() { return a < b; }');
    expect(outdated([entry], mutants)).toEqual([]);
    expect(outdated([{ ...entry, original: 'a < c' }], mutants)).toHaveLength(1);
    expect(outdated([{ ...entry, reason: ' ' }], mutants)).toHaveLength(1);
  });
});
