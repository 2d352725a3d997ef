import { describe, expect, it } from 'vitest';
import { generateMutants } from '../src/generate.ts';
import { applyMutant } from '../src/mutant.ts';
import { only } from './only.ts';

/** `operator: replacement` of each mutant, in the order of the places. */
function changesOf(source: string): string[] {
  return generateMutants('a.ts', source).map(
    ({ operator, replacement }) => `${operator}: ${replacement}`,
  );
}

describe('operators', () => {
  it.each([
    ['x(a < b)', 'boundary: a <= b'],
    ['x(a <= b)', 'boundary: a < b'],
    ['x(a > b)', 'boundary: a >= b'],
    ['x(a >= b)', 'boundary: a > b'],
    ['x(a === b)', 'negated equality: a !== b'],
    ['x(a !== b)', 'negated equality: a === b'],
    ['x(a - b)', 'arithmetic: a + b'],
    ['x(a * b)', 'arithmetic: a / b'],
    ['x(a && b)', 'logical: (a || b)'],
    ['x(a || b)', 'logical: (a && b)'],
    ['a += b', 'arithmetic: a -= b'],
    ['a ??= b', 'arithmetic: a = b'],
    ['a++', 'arithmetic: a--'],
    ['--a', 'arithmetic: ++a'],
    ['x(12)', 'off by one: 13'],
    ['x(1000)', 'off by one: 1001'],
    ['x(0n)', 'off by one: 1n'],
    ['x(Math.min(a, b))', 'method exchanged: Math.max'],
    ['x(a.some(b))', 'method exchanged: a.every'],
    ['x(a?.b)', 'optional chaining removed: a.b'],
    ["x('WAL_CORRUPT')", "code changed: 'WAL_CORRUPT_CHANGED'"],
    ['async () => x(await a)', 'await removed: a'],
  ])('%s gives %s', (source, expected) => {
    expect(changesOf(source)).toContain(expected);
  });

  it('a step by one is made longer, removed and turned around', () => {
    expect(changesOf('const b = a + 1n')).toEqual([
      'arithmetic: a - 1n',
      'off by one: a',
      'off by one: 2n',
    ]);
  });

  it('a large number is a choice of somebody, and left alone', () => {
    expect(changesOf('x(1001)')).toEqual(['statement removed: ;']);
  });

  it('a default value is ignored, and always taken', () => {
    expect(changesOf('const b = a ?? c')).toEqual(['logical: a', 'logical: (c)']);
  });

  it('a condition is negated, always true and always false', () => {
    expect(changesOf('if (a) b;')).toEqual([
      'negated condition: !(a)',
      'condition true: true',
      'condition false: false',
    ]);
  });

  it('an equality as a condition is negated once', () => {
    expect(changesOf('const c = a === b ? d : e')).toEqual([
      'condition true: true',
      'condition false: false',
      'negated equality: a !== b',
    ]);
  });

  it('the condition of a loop never becomes true for ever', () => {
    expect(changesOf('while (a) b;')).not.toContain('condition true: true');
  });

  it('statements with an effect, blocks and returned values go', () => {
    expect(changesOf('function f() { a(); return b; }')).toEqual([
      'block emptied: {}',
      'statement removed: ;',
      'return emptied: return undefined;',
    ]);
  });

  it('parentheses keep the meaning of the operators around a change', () => {
    const source = 'const d = a && b || c';
    const mutants = generateMutants('a.ts', source);
    const mutant = only(mutants.filter(({ original }) => original === 'a && b'));
    expect(applyMutant(source, mutant)).toBe('const d = (a || b) || c');
  });
});

describe('what is left out', () => {
  it.each([
    [
      'types',
      "type D = 'A_B'; let x: 'C_D'; type A = 1 | 2; interface B { c: 1 } const a: 1 | 2 = b as 1 | 2",
    ],
    ['imports', "import { a } from 'A_B'"],
    ['texts', "const a = 'not a code'; const b = 'c' + d"],
    ['texts of errors', 'throw new RangeError(`${a + 1}`)'],
    ['the text of a caught error', 'const a = e instanceof Error ? e.message : String(e)'],
    ['log lines', 'this.#logger.warn(a + 1); logger?.debug(a + 1)'],
    ['the call of the parent constructor', 'class A extends B { constructor() { super(); } }'],
  ])('%s', (_, source) => {
    const changes = changesOf(source).filter((change) => !change.startsWith('block emptied'));
    expect(changes).toEqual([]);
  });

  it('but the code of an error is changed', () => {
    expect(changesOf("throw new WalError('WAL_CORRUPT', `${a + 1}`)")).toEqual([
      "code changed: 'WAL_CORRUPT_CHANGED'",
    ]);
  });
});

describe('places', () => {
  it('a mutant names its line, its function and its text', () => {
    const source = 'class A {\n  f() {\n    b();\n  }\n}';
    expect(generateMutants('a.ts', source).at(-1)).toMatchObject({
      file: 'a.ts',
      line: 3,
      within: 'A.f',
      original: 'b();',
      replacement: ';',
    });
  });

  it('offsets are right behind characters of several bytes', () => {
    const source = "const a = 'é🙂'; const b = c < d;";
    const mutant = only(generateMutants('a.ts', source));
    expect(applyMutant(source, mutant)).toBe("const a = 'é🙂'; const b = c <= d;");
  });

  it('a source that cannot be parsed is refused', () => {
    expect(() => generateMutants('a.ts', 'const = 1')).toThrow(/a\.ts cannot be parsed/);
  });
});
