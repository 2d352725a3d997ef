import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { instrument, pointAround, pointsOf } from '../src/coverage-points.ts';
import { passedName } from '../src/passed-name.ts';

/** Runs an instrumented script and gives the texts of the points that it passed. */
function passedBy(source: string): string[] {
  const passed = new Set<string>();
  runInNewContext(instrument('a.ts', source), { [passedName]: passed });
  return pointsOf('a.ts', source)
    .filter((_, number) => passed.has(`a.ts:${number}`))
    .map(({ start, end }) => source.slice(start, end));
}

describe('coverage points', () => {
  it('tells the branches apart', () => {
    expect(passedBy('{ if (true) { var a = 1; } else { var b = 2; } }')).toContain('var a = 1;');
    expect(passedBy('{ if (true) { var a = 1; } else { var b = 2; } }')).not.toContain(
      'var b = 2;',
    );
  });

  it('tells branches without braces apart', () => {
    const passed = passedBy('{ var a; if (a) a = 1; else if (!a) a = 2; else a = 3; }');
    expect(passed).toContain('a = 2;');
    expect(passed).not.toContain('a = 1;');
    expect(passed).not.toContain('a = 3;');
  });

  it('tells the parts of an expression apart', () => {
    const passed = passedBy('{ const a = true ? 1 : 2; const b = a || 3; const f = () => 4; }');
    expect(passed).toContain('1');
    expect(passed).not.toContain('2');
    expect(passed).not.toContain('3');
    expect(passed).not.toContain('4');
  });

  it('passes the value of a field and a default value when they are used', () => {
    const passed = passedBy(
      '{ class A { b = 1; f(c = 2) { return c; } } new A().f(); class B { d = 3; } }',
    );
    expect(passed).toEqual(expect.arrayContaining(['1', '2', 'return c;']));
    expect(passed).not.toContain('3');
  });

  it('the innermost point around a range is found, and none around a whole module', () => {
    const source = '{ if (a) { b(); } }';
    const points = pointsOf('a.ts', source);
    const start = source.indexOf('b()');
    const found = pointAround(points, { start, end: start + 3 });
    expect(points[found ?? -1]).toMatchObject({ start, end: start + 4 });
    expect(pointAround(points, { start: 0, end: source.length })).toBeUndefined();
  });
});
