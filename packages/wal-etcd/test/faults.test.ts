/**
 * Every call of the disk fails, once or from then on. Each failure is reported by a typed error,
 * only durable saves are acknowledged, a full disk leaves the log usable, and every other failure
 * poisons it.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { failures, SingleFaults } from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

const workloads = [1, 2, 3, 4].map((seed) => ({
  seed,
  steps: 12,
  options: { inline: seed === 4 },
}));
const faults = new SingleFaults(backEnd);

afterAll(() => console.log(String(faults)));

describe('a failing disk', () => {
  for (const sticky of [false, true]) {
    for (const failure of failures) {
      it(`${failure.name}, ${sticky ? 'from a call on' : 'once'}, at every call`, async () => {
        const { refused } = faults.verdicts;
        let runs = 0;
        for (const workload of workloads) runs += await faults.run(workload, failure, sticky);
        expect(runs).toBeGreaterThan(workloads.length * 10);
        // A write that ended within a sector looks like damage in this format.
        if (failure.fault.type !== 'partial-write') {
          expect(faults.verdicts.refused).toBe(refused);
        }
      });
    }
  }
});
