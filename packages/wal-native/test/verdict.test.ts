/**
 * The table of verdicts: it is total and unambiguous, and agrees with docs/DURABILITY.md on crashes
 * and damage.
 */
import { describe, expect, it } from 'vitest';
import {
  canOccur,
  judge,
  matchingRows,
  verdictTable,
  type Facts,
  type VerdictName,
} from '../src/recovery/verdict.ts';

const booleans = ['openEnded', 'bodyOk', 'fits', 'commitOk', 'laterMark', 'framesBehind'] as const;
const slots = ['empty', 'header', 'garbage'] as const;

/** Every combination, whether it can occur or not. */
function* allFacts(): Generator<Facts> {
  for (const slot of slots) {
    for (let bits = 0; bits < 2 ** booleans.length; bits += 1) {
      const flag = (name: (typeof booleans)[number]): boolean =>
        ((bits >> booleans.indexOf(name)) & 1) === 1;
      yield {
        slot,
        openEnded: flag('openEnded'),
        bodyOk: flag('bodyOk'),
        fits: flag('fits'),
        commitOk: flag('commitOk'),
        laterMark: flag('laterMark'),
        framesBehind: flag('framesBehind'),
      };
    }
  }
}

const everything = [...allFacts()];
const possible = everything.filter(canOccur);

/** An open-ended segment that ends in an empty slot, but for what is said otherwise. */
function facts(differing: Partial<Facts>): Facts {
  return {
    openEnded: true,
    slot: 'empty',
    bodyOk: false,
    fits: false,
    commitOk: false,
    laterMark: false,
    framesBehind: false,
    ...differing,
  };
}

const wholeFrame = { slot: 'header', bodyOk: true, fits: true } as const;
const badBody = { slot: 'header', bodyOk: false } as const;

/** The rows of the table, written down again by hand. */
const expectations: readonly (readonly [string, Partial<Facts>, VerdictName])[] = [
  ['a whole frame of a whole batch', { ...wholeFrame, commitOk: true, framesBehind: true }, 'ok'],
  [
    'a whole frame of a whole batch in a sealed segment',
    { ...wholeFrame, openEnded: false, commitOk: true },
    'ok',
  ],
  ['nothing, and nothing behind', {}, 'end'],
  ['nothing, but unsynced frames behind', { framesBehind: true }, 'torn'],
  ['a batch that never ended', { ...wholeFrame, framesBehind: true }, 'torn'],
  ['a bad body, and no end of the batch', badBody, 'torn'],
  ['a bad body, frames behind, no end of the batch', { ...badBody, framesBehind: true }, 'torn'],
  ['a bad header, and no end of the batch', { slot: 'garbage' }, 'torn'],
  ['a lost frame before the end of its batch', { commitOk: true, framesBehind: true }, 'uncertain'],
  [
    'a bad body before the end of its batch',
    { ...badBody, commitOk: true, framesBehind: true },
    'uncertain',
  ],
  [
    'a bad header before the end of its batch',
    { slot: 'garbage', commitOk: true, framesBehind: true },
    'uncertain',
  ],
  ['a lost frame before a mark', { laterMark: true, framesBehind: true }, 'corrupt-durable'],
  [
    'a bad body before a mark',
    { ...badBody, laterMark: true, framesBehind: true },
    'corrupt-durable',
  ],
  [
    'a bad header of a whole batch before a mark',
    { slot: 'garbage', commitOk: true, laterMark: true, framesBehind: true },
    'corrupt-durable',
  ],
  [
    'a batch without its end before a mark',
    { ...wholeFrame, laterMark: true, framesBehind: true },
    'corrupt-durable',
  ],
  ['an empty slot in a sealed segment', { openEnded: false }, 'corrupt-sealed'],
  ['a bad header in a sealed segment', { openEnded: false, slot: 'garbage' }, 'corrupt-sealed'],
  ['a bad body in a sealed segment', { openEnded: false, ...badBody }, 'corrupt-sealed'],
  [
    'a batch without its end in a sealed segment',
    { openEnded: false, ...wholeFrame },
    'corrupt-sealed',
  ],
  ['a frame that cannot follow', { ...wholeFrame, fits: false }, 'corrupt-order'],
  [
    'a frame that cannot follow, in a sealed segment',
    { ...wholeFrame, fits: false, openEnded: false },
    'corrupt-order',
  ],
  [
    'a frame that cannot follow, before a mark',
    { ...wholeFrame, fits: false, laterMark: true, framesBehind: true },
    'corrupt-order',
  ],
];

describe('the table of verdicts', () => {
  it('has exactly one row for all facts that can occur', () => {
    expect(everything).toHaveLength(3 * 2 ** 6);
    expect(possible.length).toBeGreaterThan(40);
    for (const combination of possible) {
      const rows = matchingRows(combination);
      expect(rows, JSON.stringify(combination)).toHaveLength(1);
      expect(judge(combination)).toBe(rows[0]?.verdict);
    }
  });

  it('has no row and no verdict that nothing leads to', () => {
    for (const row of verdictTable) {
      const reached = possible.some((combination) => matchingRows(combination).includes(row));
      expect(reached, JSON.stringify(row)).toBe(true);
    }
    const names: Record<VerdictName, true> = {
      ok: true,
      end: true,
      torn: true,
      uncertain: true,
      'corrupt-durable': true,
      'corrupt-sealed': true,
      'corrupt-order': true,
    };
    expect(new Set(possible.map(judge))).toEqual(new Set(Object.keys(names)));
  });

  it.each(expectations)('%s', (_name, differing, verdict) => {
    const combination = facts(differing);
    expect(canOccur(combination)).toBe(true);
    expect(judge(combination)).toBe(verdict);
  });

  it('never takes a sealed segment or durable data for a tail', () => {
    for (const combination of possible) {
      if (combination.openEnded && !combination.laterMark) continue;
      expect(judge(combination)).toMatch(/^(?:ok|corrupt-.*)$/);
    }
  });
});
