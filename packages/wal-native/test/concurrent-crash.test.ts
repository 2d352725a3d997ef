/**
 * Power cuts during overlapping calls. Several callers save, purge, sync, read, write identity
 * records and close. Each call of the disk is held, and the seed chooses which one continues.
 *
 * `BABUZA_CONCURRENT_STATES` sets how many states are tested, `BABUZA_SEED` the first seed.
 */
import { describe, expect, it } from 'vitest';
import { ConcurrentCrashes } from '@babuza/testkit/ladder';
import { backEnd } from './support/workload.ts';

const statesWanted = Number(process.env['BABUZA_CONCURRENT_STATES'] ?? 600);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

describe('crashes during overlapping calls', () => {
  it(`at random moments: ${statesWanted} states from seed ${firstSeed} on`, async () => {
    const crashes = new ConcurrentCrashes(backEnd, (seed) => ({
      inline: seed % 5 === 0,
      recycledMax: seed % 4 === 0 ? 0 : 2,
    }));
    await crashes.run(statesWanted, firstSeed);
    console.log(String(crashes));
    expect(crashes.verdicts.tails.torn).toBeGreaterThan(0);
  }, 300_000);
});
