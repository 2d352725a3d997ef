/**
 * Every call of the disk fails while a log is opened again, used and closed. Each failure must be
 * reported, unless nobody waits for the call. Every place in the sources that calls the disk must
 * have failed once.
 *
 * Some of the logs were built by overlapping calls. `BABUZA_CONCURRENT_SEEDS` sets how many,
 * `BABUZA_SEED` the first seed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  makeOverlappingStarts,
  makeStarts,
  ReopenFaults,
  reopenFaults,
  type Start,
} from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

const faults = new ReopenFaults(backEnd, {
  optionsOf: (inline) => ({ inline }),
  // The file of the next segment, and the copy of a damaged segment on a full disk: nobody waits
  // for them.
  isOptional: ({ path, operation, outcome }) =>
    path.endsWith('.tmp') ||
    path.endsWith('.broken') ||
    (outcome === 'ENOSPC' && /size|read|(?:open|sync)-directory/.test(operation)),
  // A file that could neither be filled nor removed.
  isUnreachable: (site) => site.startsWith('unlink fill'),
});

/**
 * A short write ends at a sector, because this format cannot recognise a record that is torn within
 * a sector.
 */
const tornBytes = 944;

const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);
const seeds = Array.from(
  { length: Number(process.env['BABUZA_CONCURRENT_SEEDS'] ?? 3) },
  (_, at) => firstSeed + at,
);

const starts: Start[] = [];

beforeAll(async () => {
  starts.push(...(await makeStarts(backEnd, tornBytes)));
  starts.push(...(await makeOverlappingStarts(backEnd, seeds, {})));
});

afterAll(() => {
  const never = faults.sites.filter(([, failures]) => failures === 0).map(([site]) => site);
  console.log(
    `${faults.sites.length} places in the sources call the disk, ${never.length} never failed`,
  );
  console.log(`${faults.runs} calls failed while reopening: ${faults.verdicts.toString()}`);
  expect(never).toEqual([]);
});

describe('a disk that fails while a log is opened again', () => {
  for (const sticky of [false, true]) {
    for (const fault of sticky ? reopenFaults.slice(0, 2) : reopenFaults) {
      it(`${JSON.stringify(fault)}, ${sticky ? 'from a call on' : 'once'}`, async () => {
        const { refused } = faults.verdicts;
        for (const start of starts) {
          const failed = await faults.run(start, fault, sticky);
          if (start.step === undefined) expect(failed, start.name).toBeGreaterThan(4);
        }
        // A write that ended within a sector looks like damage in this format.
        const withinSector = fault.type === 'partial-write' && fault.bytes % 512 !== 0;
        if (!withinSector) expect(faults.verdicts.refused).toBe(refused);
      }, 300_000);
    }
  }
});
