import { expect, it } from 'vitest';
import { codeOf } from '../src/index.ts';

it('gives the code of an error as text, and an empty text for everything without a code', () => {
  const coded = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const numbered = Object.assign(new Error('exit'), { code: 3 });
  const values = [coded, numbered, new Error('plain'), { code: 'ENOSPC' }, 'ENOSPC', undefined];
  expect(values.map(codeOf)).toEqual(['ENOSPC', '3', '', '', '', '']);
});
