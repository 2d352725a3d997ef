/**
 * Every call of the disk fails while a log is reopened, used and closed: after a clean close, in
 * the middle of a rotation, with a torn tail, with leftover files of a purge. Each failure is
 * reported, unless no caller waits for that work. Every call site in the sources fails at least
 * once. The log on the disk afterwards can be opened, both with and without a power cut.
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
import { backEnd } from './support/workload.ts';

const faults = new ReopenFaults(backEnd, {
  optionsOf: (inline) => ({ inline, recycledMax: 1 }),
  isOptional: ({ operation, path, bytes }) =>
    /\/(?:spare|recycled)-/.test(path) || (operation === 'write' && (bytes ?? 0) < 250),
  // The removal of a spare file that could not be filled.
  isUnreachable: (site) => site.startsWith('unlink fill'),
});

const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);
const seeds = Array.from(
  { length: Number(process.env['BABUZA_CONCURRENT_SEEDS'] ?? 3) },
  (_, at) => firstSeed + at,
);

const starts: Start[] = [];

beforeAll(async () => {
  starts.push(...(await makeStarts(backEnd)));
  starts.push(...(await makeOverlappingStarts(backEnd, seeds, { recycledMax: 2 })));
});

afterAll(() => {
  const never = faults.sites.filter(([, failures]) => failures === 0).map(([site]) => site);
  console.log(
    `${faults.sites.length} call sites of the disk in the sources, ${never.length} never failed`,
  );
  expect(never).toEqual([]);
});

describe('a disk that fails while a log is reopened', () => {
  for (const sticky of [false, true]) {
    for (const fault of sticky ? reopenFaults.slice(0, 2) : reopenFaults) {
      it(`${JSON.stringify(fault)}, ${sticky ? 'from a call on' : 'once'}`, async () => {
        for (const start of starts) {
          const failed = await faults.run(start, fault, sticky);
          if (start.step === undefined) expect(failed, start.name).toBeGreaterThan(4);
        }
      }, 300_000);
    }
  }
});
