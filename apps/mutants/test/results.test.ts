import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateMutants } from '../src/generate.ts';
import { summaryOf, unexplained } from '../src/report.ts';
import { only } from './only.ts';
import { Results, type Outcome, type Result } from '../src/results.ts';

const mutant = only(generateMutants('a.ts', 'x(a < b)').slice(0, 1));
const other = only(generateMutants('b.ts', 'x(a > b)').slice(0, 1));

function result(outcome: Outcome, of = mutant): Result {
  const by = outcome === 'killed' ? 'a test' : undefined;
  return { mutant: of, outcome, sourceHash: 's', testsHash: 't', by, durationMs: 1 };
}

describe('results', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(`${tmpdir()}/babuza-mutants-`);
    path = `${folder}/results.jsonl`;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are there when they are read again', () => {
    new Results(path).add(result('killed'));
    expect(new Results(path).of(mutant, 's', 't')).toEqual(result('killed'));
    expect(new Results(path).of(other, 's', 't')).toBeUndefined();
  });

  it('hold for one content of the source only', () => {
    new Results(path).add(result('killed'));
    expect(new Results(path).of(mutant, 'other', 't')).toBeUndefined();
  });

  it('of a survivor hold until the tests change', () => {
    new Results(path).add(result('survived'));
    expect(new Results(path).of(mutant, 's', 't')).toBeDefined();
    expect(new Results(path).of(mutant, 's', 'other')).toBeUndefined();
  });

  it('of a killed mutant hold when the tests change', () => {
    new Results(path).add(result('killed'));
    expect(new Results(path).of(mutant, 's', 'other')).toBeDefined();
  });

  it('the last of two results counts', () => {
    new Results(path).add(result('survived'));
    new Results(path).add(result('killed'));
    expect(new Results(path).of(mutant, 's', 't')?.outcome).toBe('killed');
  });

  it('a line that was cut is left out, and what is added after it counts', () => {
    const results = new Results(path);
    results.add(result('killed'));
    appendFileSync(path, '{"mutant":{"fi');
    new Results(path).add(result('survived', other));
    const again = new Results(path);
    expect(again.of(mutant, 's', 't')?.outcome).toBe('killed');
    expect(again.of(other, 's', 't')?.outcome).toBe('survived');
  });
});

describe('summary', () => {
  it('leaves timeouts and explained survivors out of the score', () => {
    const { file, within, original, replacement } = other;
    const equivalent = { file, within, original, replacement, reason: 'It changes nothing.' };
    const results = [
      result('killed'),
      result('survived'),
      result('no coverage'),
      result('timeout'),
      result('survived', other),
    ];
    expect(summaryOf(results, [equivalent])).toEqual({
      killed: 1,
      survived: 1,
      timeout: 1,
      noCoverage: 1,
      equivalent: 1,
      score: 100 / 3,
    });
    expect(unexplained(results, [equivalent]).map(({ outcome }) => outcome)).toEqual([
      'survived',
      'no coverage',
      'timeout',
    ]);
  });

  it('without mutants the score is full', () => {
    expect(summaryOf([], []).score).toBe(100);
  });
});
