/**
 * Every call of the disk fails while calls of the log overlap: once, permanently, or until the
 * system has enough of a resource again. `BABUZA_CONCURRENT_SEEDS` sets the number of workloads.
 */
import { afterAll, describe, expect, it } from 'vitest';
import {
  failures,
  SingleFaults,
  TransientFaults,
  transientKinds,
  type BackEnd,
} from '../../src/ladder/index.ts';

export function testConcurrentFaults(backEnd: BackEnd<{ readonly inline?: boolean }>): void {
  const seeds = Number(process.env['BABUZA_CONCURRENT_SEEDS'] ?? 1);
  const together = 3;
  const limitMs = seeds * 300_000;

  const workloads = Array.from({ length: seeds }, (_, at) => ({
    seed: at + 1,
    steps: 16,
    options: { inline: at % 4 === 3 },
    together,
  }));

  const singleFaults = new SingleFaults(backEnd);
  const shortages = new TransientFaults(backEnd);

  afterAll(() => console.log(`${String(singleFaults)}; ${String(shortages)}`));

  describe('a disk that fails during overlapping calls', () => {
    for (const sticky of [false, true]) {
      for (const failure of failures) {
        it(
          `${failure.name}, ${sticky ? 'from a call on' : 'once'}, at every call`,
          async () => {
            const { refused } = singleFaults.verdicts;
            let runs = 0;
            for (const workload of workloads)
              runs += await singleFaults.run(workload, failure, sticky);
            expect(runs).toBeGreaterThan(workloads.length * 10);
            // A write that ended within a sector looks like damage in a format without evidence of
            // durability.
            if (failure.fault.type !== 'partial-write') {
              expect(singleFaults.verdicts.refused).toBe(refused);
            }
          },
          limitMs,
        );
      }
    }
  });

  describe('a system that lacks a resource during overlapping calls', () => {
    for (const lasts of ['once', 'until-healed'] as const) {
      for (const kind of transientKinds) {
        it(
          `${kind}, ${lasts}, at every call that stores nothing`,
          async () => {
            let runs = 0;
            for (const workload of workloads)
              runs += await shortages.run(workload, { kind, lasts });
            expect(runs).toBeGreaterThan(workloads.length * 5);
          },
          limitMs,
        );
      }
    }
  });
}
