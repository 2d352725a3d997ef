import { expect, it } from 'vitest';
import { Killers } from '../src/killers.ts';

it('keeps the tests that found errors of a file last, each once', () => {
  const killers = new Killers();
  for (let at = 0; at < 12; at += 1) killers.add('a.ts', `test ${at}`);
  killers.add('a.ts', 'test 5');
  killers.add('b.ts', 'another');
  const numbers = [...killers.of('a.ts')].map((id) => Number(id.slice(5)));
  expect(numbers).toEqual([4, 6, 7, 8, 9, 10, 11, 5]);
  expect([...killers.of('b.ts')]).toEqual(['another']);
  expect([...killers.of('c.ts')]).toEqual([]);
});
