/**
 * Overlapping calls, with every order of their calls of the disk up to a number of switches, and a
 * power cut at each moment.
 *
 * `BABUZA_SWITCHES` sets the number of switches, `BABUZA_MOMENT_STATES` how many states are tested
 * after each call.
 */
import { afterAll, describe, it } from 'vitest';
import { Interleavings, overlapsOf } from '@babuza/testkit/ladder';
import { backEnd } from './support/workload.ts';

const filling = { entriesPerBatch: 5, batchesPerSegment: 1 };

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
        console.log(`${overlap.name}: ${runs} interleavings`);
      },
      timeoutMs,
    );
  }
});
