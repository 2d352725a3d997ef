/**
 * Power cuts. Random work runs on the simulated disk. At some call the power is cut, and any subset
 * of the sectors and names that were not synced survives. The log must open without an error,
 * contain everything acknowledged and nothing that was never attempted, and accept new saves.
 *
 * `BABUZA_CRASH_STATES` sets how many states are tested, `BABUZA_SEED` the first seed.
 */
import { describe, expect, it } from 'vitest';
import { RandomCrashes } from '@babuza/testkit/ladder';
import { backEnd } from './support/workload.ts';

const statesWanted = Number(process.env['BABUZA_CRASH_STATES'] ?? 1_500);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

describe('crashes', () => {
  it(
    `at random calls: ${statesWanted} states from seed ${firstSeed} on`,
    async () => {
      const crashes = new RandomCrashes(backEnd, (seed) => ({
        inline: seed % 3 === 0,
        recycledMax: seed % 5 === 0 ? 0 : 2,
      }));
      await crashes.run(statesWanted, firstSeed);
      console.log(String(crashes));
      expect(crashes.verdicts.tails.torn).toBeGreaterThan(0);
    },
    300_000 + 20 * statesWanted,
  );
});
