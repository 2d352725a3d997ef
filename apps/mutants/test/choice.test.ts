import { describe, expect, it } from 'vitest';
import { parseArguments } from '../src/arguments.ts';
import { parseDiff } from '../src/changed-lines.ts';
import { generateMutants } from '../src/generate.ts';
import { sample } from '../src/sample.ts';
import { targets } from '../src/targets.ts';

describe('sample', () => {
  const source = Array.from({ length: 50 }, (_, at) => `f${at}(a < ${at});`).join('\n');
  const mutants = generateMutants('a.ts', source);

  it('is the same for a seed and another for another seed', () => {
    expect(sample(mutants, 10, 1)).toEqual(sample(mutants, 10, 1));
    expect(sample(mutants, 10, 1)).not.toEqual(sample(mutants, 10, 2));
  });

  it('has as many mutants as are wanted, all of them where there are fewer', () => {
    expect(sample(mutants, 10, 1)).toHaveLength(10);
    expect(sample(mutants, 100_000, 1)).toEqual(mutants);
  });

  it('takes the same changes when lines have moved', () => {
    const moved = generateMutants('a.ts', `\n\n// A comment.\n${source}`);
    const texts = (chosen: typeof mutants): string[] =>
      chosen.map(({ original, replacement }) => `${original} ${replacement}`);
    expect(texts(sample(moved, 10, 1))).toEqual(texts(sample(mutants, 10, 1)));
  });
});

describe('changed lines', () => {
  const isChanged = parseDiff(
    [
      'diff --git a/packages/x/src/a.ts b/packages/x/src/a.ts',
      '--- a/packages/x/src/a.ts',
      '+++ b/packages/x/src/a.ts',
      '@@ -10,2 +10,3 @@ function f() {',
      '@@ -20 +21 @@',
      '@@ -30,2 +30,0 @@',
    ].join('\n'),
  );

  it('are those of the new file', () => {
    const lines = Array.from({ length: 40 }, (_, at) => at).filter((line) =>
      isChanged('packages/x/src/a.ts', line, line),
    );
    expect(lines).toEqual([10, 11, 12, 21, 30, 31]);
  });

  it('count for a range that holds one of them', () => {
    expect(isChanged('packages/x/src/a.ts', 1, 10)).toBe(true);
    expect(isChanged('packages/x/src/a.ts', 13, 20)).toBe(false);
    expect(isChanged('packages/x/src/b.ts', 10, 10)).toBe(false);
  });
});

describe('arguments', () => {
  it('name packages, or all of them', () => {
    expect(parseArguments(['raft', '--sample', '600', '--seed', '7'])).toMatchObject({
      targets: [{ package: 'raft' }],
      sample: 600,
      seed: 7,
    });
    expect(parseArguments([])?.targets).toBe(targets);
    expect(parseArguments(['--help'])).toBeUndefined();
  });

  it.each([
    [['nothing'], /no mutants of the package 'nothing'/],
    [['--sample', '0'], /--sample must be a whole number from 1 on, got '0'/],
    [['--jobs', 'two'], /--jobs must be a whole number/],
  ])('%j is refused', (args, message) => {
    expect(() => parseArguments(args)).toThrow(message);
  });
});
