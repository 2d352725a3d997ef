/** Ids in JSON are texts of 64-bit numbers, and nothing else. */
import { expect, it } from 'vitest';
import { idFromText } from '../../src/identity/id-text.ts';
import { decodeOperations } from '../../src/membership/membership-codec.ts';

it.each([
  ['0', 0n],
  ['1', 1n],
  ['18446744073709551615', 2n ** 64n - 1n],
])('%s is an id', (text, id) => {
  expect(idFromText(text)).toBe(id);
});

it.each([
  '18446744073709551616',
  '99999999999999999999',
  '',
  '-1',
  '1.5',
  ' 1',
  '0x1',
  1,
  1n,
  null,
])('%s is not an id', (text) => {
  expect(idFromText(text)).toBeUndefined();
});

it('a change of the membership with a larger id is unreadable', () => {
  const id = '18446744073709551616';
  const text = JSON.stringify({ version: 1, operations: [{ op: 'remove', id }] });
  expect(() => decodeOperations(new TextEncoder().encode(text))).toThrow(
    expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }),
  );
});
