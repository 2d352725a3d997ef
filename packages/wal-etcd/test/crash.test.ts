/**
 * Power cuts at random calls of random work. Acknowledged batches must be there. The first records
 * of other batches may be there. The few states that this format cannot distinguish from damage are
 * counted and printed.
 *
 * `BABUZA_CRASH_STATES` sets the number of states, `BABUZA_SEED` the first seed.
 */
import { describe, expect, it } from 'vitest';
import { RandomCrashes } from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

const statesWanted = Number(process.env['BABUZA_CRASH_STATES'] ?? 1_500);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

describe('crashes', () => {
  it(
    `at random calls: ${statesWanted} states from seed ${firstSeed} on`,
    async () => {
      const crashes = new RandomCrashes(backEnd, (seed) => ({ inline: seed % 3 === 0 }));
      await crashes.run(statesWanted, firstSeed);
      console.log(String(crashes));
      expect(crashes.verdicts.tails.torn).toBeGreaterThan(0);
    },
    300_000 + 20 * statesWanted,
  );
});
