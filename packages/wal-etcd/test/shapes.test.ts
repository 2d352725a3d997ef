/**
 * Saves of every shape at every position of a commit batch, with a power cut at every call of the
 * commit batch.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { RefusedShapes, ShapeCrashes } from '@babuza/testkit/ladder';
import { groupPositions, shapedGroups, shapedPairs } from '@babuza/wal-core/conformance';
import { backEnd } from './support/back-end.ts';

const crashes = new ShapeCrashes(backEnd, (seed) => ({ inline: seed % 4 === 0 }));

const refusals = new RefusedShapes(backEnd, {
  options: { cache: { entriesMax: 0, bytesMax: 0 } },
  segmentBytes: 16 * 1024,
  fillerBytes: 13_000,
});

afterAll(() => console.log(`${String(crashes)}\n${String(refusals)}`));

describe('a power cut at every call of a commit batch', () => {
  for (const position of groupPositions) {
    it(`with a save of every shape, ${position}`, async () => {
      for (const [at, group] of shapedGroups(position).entries()) await crashes.run(group, at);
    });
  }

  it('of each two shapes of saves', async () => {
    for (const [at, group] of shapedPairs().entries()) await crashes.run(group, at);
  });
});

describe('a commit batch that found no space, and a power cut', () => {
  for (const position of ['alone', 'first, before saves with a sync'] as const) {
    it(`and a save of every shape, ${position}`, async () => {
      const fittedBefore = refusals.fitted;
      for (const [at, group] of shapedGroups(position).entries()) await refusals.run(group, at);
      expect(refusals.fitted).toBeGreaterThan(fittedBefore);
    });
  }
});
