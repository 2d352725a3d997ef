/**
 * Overlapping calls in every order of their calls of the disk within a bound of switches, with a
 * power cut at each moment.
 *
 * `BABUZA_SWITCHES` sets the bound, `BABUZA_MOMENT_STATES` the number of states after each call.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Interleavings, overlapsOf } from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

const filling = { entriesPerBatch: 13, batchesPerSegment: 2 };

const switchesMax = Number(process.env['BABUZA_SWITCHES'] ?? 1);
/** A second switch multiplies the interleavings by about ten. */
const timeoutMs = switchesMax > 1 ? 3_600_000 : 300_000;

const interleavings = new Interleavings(backEnd, {
  switchesMax,
  samples: Number(process.env['BABUZA_MOMENT_STATES'] ?? 4),
  options: {},
});

afterAll(() => console.log(String(interleavings)));

describe('a power cut at every moment of every interleaving', () => {
  for (const overlap of overlapsOf(filling)) {
    it(
      overlap.name,
      async () => {
        const runs = await interleavings.run(overlap);
        // With writes that are torn at sectors, no crash of these calls looks like damage.
        expect(interleavings.verdicts.refusals).toEqual(new Map());
        console.log(`${overlap.name}: ${runs} interleavings`);
      },
      timeoutMs,
    );
  }
});
