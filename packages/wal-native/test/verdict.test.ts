/** The table of verdicts is complete and unambiguous, and has the expected verdicts. */
import { describe, expect, it } from 'vitest';
import {
  canOccur,
  verdictOf,
  matchingRows,
  verdictTable,
  type Facts,
  type VerdictName,
} from '../src/recovery/verdict.ts';

const booleans = [
  'openEnded',
  'bodyOk',
  'fits',
  'commitOk',
  'knownDurable',
  'framesFollow',
] as const;
const slots = ['empty', 'header', 'garbage'] as const;

/** Every combination of facts, whether it can occur or not. */
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
        knownDurable: flag('knownDurable'),
        framesFollow: flag('framesFollow'),
      };
    }
  }
}

const everything = [...allFacts()];
const possible = everything.filter(canOccur);

/** The facts about an open-ended segment that ends in an empty slot, with these differences. */
function facts(differing: Partial<Facts>): Facts {
  return {
    openEnded: true,
    slot: 'empty',
    bodyOk: false,
    fits: false,
    commitOk: false,
    knownDurable: false,
    framesFollow: false,
    ...differing,
  };
}

const wholeFrame = { slot: 'header', bodyOk: true, fits: true } as const;
const badBody = { slot: 'header', bodyOk: false } as const;

/** The expected verdicts, written down independently of the table. */
const expectations: readonly (readonly [string, Partial<Facts>, VerdictName])[] = [
  ['a whole frame of a whole batch', { ...wholeFrame, commitOk: true, framesFollow: true }, 'ok'],
  [
    'a whole frame of a whole batch in a sealed segment',
    { ...wholeFrame, openEnded: false, commitOk: true },
    'ok',
  ],
  ['no frame, and no later frames', {}, 'end'],
  ['no frame, but later unsynced frames', { framesFollow: true }, 'torn'],
  ['a batch that never ended', { ...wholeFrame, framesFollow: true }, 'torn'],
  ['a bad body, and no end of the batch', badBody, 'torn'],
  ['a bad body, later frames, no end of the batch', { ...badBody, framesFollow: true }, 'torn'],
  ['a bad header, and no end of the batch', { slot: 'garbage' }, 'torn'],
  ['a lost frame before the end of its batch', { commitOk: true, framesFollow: true }, 'uncertain'],
  [
    'a bad body before the end of its batch',
    { ...badBody, commitOk: true, framesFollow: true },
    'uncertain',
  ],
  [
    'a bad header before the end of its batch',
    { slot: 'garbage', commitOk: true, framesFollow: true },
    'uncertain',
  ],
  ['a lost frame before a mark', { knownDurable: true, framesFollow: true }, 'corrupt-durable'],
  [
    'a bad body before a mark',
    { ...badBody, knownDurable: true, framesFollow: true },
    'corrupt-durable',
  ],
  [
    'a bad header of a whole batch before a mark',
    { slot: 'garbage', commitOk: true, knownDurable: true, framesFollow: true },
    'corrupt-durable',
  ],
  [
    'a batch without its end before a mark',
    { ...wholeFrame, knownDurable: true, framesFollow: true },
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
    { ...wholeFrame, fits: false, knownDurable: true, framesFollow: true },
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
      expect(verdictOf(combination)).toBe(rows[0]?.verdict);
    }
  });

  it('has no row and no verdict that is never used', () => {
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
    expect(new Set(possible.map(verdictOf))).toEqual(new Set(Object.keys(names)));
  });

  it.each(expectations)('%s', (_name, differing, verdict) => {
    const combination = facts(differing);
    expect(canOccur(combination)).toBe(true);
    expect(verdictOf(combination)).toBe(verdict);
  });

  it('never cuts a sealed segment or durable data as a tail', () => {
    for (const combination of possible) {
      if (combination.openEnded && !combination.knownDurable) continue;
      expect(verdictOf(combination)).toMatch(/^(?:ok|corrupt-.*)$/);
    }
  });
});
