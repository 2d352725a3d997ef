/** The outcome of a proposal for each verdict of its session. */
import { expect, it } from 'vitest';
import { outcomeOf } from '../src/proposals/outcome.ts';
import { bytesOf } from './support.ts';

it.each([
  ['expired', 'RAFT_SESSION_EXPIRED'],
  ['full', 'RAFT_BUSY'],
  ['stale', 'RAFT_SEQUENCE_STALE'],
] as const)('%s: the proposal is refused with %s', (kind, code) => {
  expect(outcomeOf({ kind })).toMatchObject({ kind: 'refused', error: { code } });
});

it.each([true, false])(
  'duplicate: the result is that of the first time, lost: %s',
  (resultLost) => {
    const result = bytesOf('result');
    expect(outcomeOf({ kind: 'duplicate', result, resultLost })).toEqual({
      kind: 'applied',
      result,
      resultLost,
    });
  },
);
