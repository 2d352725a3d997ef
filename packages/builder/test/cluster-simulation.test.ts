/**
 * Simulates a whole cluster with faults, seed by seed. `BABUZA_CLUSTER_SEEDS` is the number of
 * seeds and `BABUZA_CLUSTER_FIRST_SEED` the first one; to repeat a failing seed, begin with it.
 */
import { describe, expect, it } from 'vitest';
import { addUp, type Coincidence } from './cluster/coincidences.ts';
import { simulate, type SimulationReport } from './cluster/simulate.ts';

const count = Number(process.env['BABUZA_CLUSTER_SEEDS'] ?? 20);
/** Coincidences that a run of 20 seeds must contain; a run of 100 must contain all. */
const frequent: readonly Coincidence[] = [
  'installedOverApply',
  'changeCovered',
  'twoSends',
  'purgeHeld',
  'madeWhileInstalled',
];
const first = Number(process.env['BABUZA_CLUSTER_FIRST_SEED'] ?? 1);
const isFrequent = (name: string): boolean => frequent.some((each) => each === name);

describe('a cluster under a hostile world', () => {
  it(
    `loses nothing, and its clients see one copy: seeds ${first} to ${first + count - 1}`,
    async () => {
      const reports: SimulationReport[] = [];
      for (let seed = first; seed < first + count; seed += 1) reports.push(await simulate(seed));
      const sum = (of: (report: SimulationReport) => number): number =>
        reports.reduce((total, report) => total + of(report), 0);
      const operations = sum((report) => report.operations);
      console.log(
        `${count} clusters: ${operations} operations, ${sum(({ unknown }) => unknown)} of unknown outcome, ` +
          `${sum(({ crashes }) => crashes)} crashes, ${sum(({ installed }) => installed)} snapshots sent and installed`,
      );
      const coincidences = addUp(reports.map((report) => report.coincidences));
      const counts = Object.entries(coincidences);
      console.log(counts.map(([name, times]) => `${name} ${times}`).join(', '));
      // A run in which nothing is committed proves nothing; at most one seed may be like that.
      if (count < 10) return;
      expect(operations / count).toBeGreaterThan(20);
      expect(sum(({ unknown }) => unknown)).toBeLessThan(operations * 0.2);
      // A run in which nothing coincides proves nothing either.
      const missing = counts.filter(([, times]) => times === 0).map(([name]) => name);
      if (count >= 20) expect(missing.filter((name) => isFrequent(name))).toEqual([]);
      if (count >= 100) expect(missing).toEqual([]);
    },
    600_000 + count * 1000,
  );

  it('a seed is the same run again', async () => {
    expect(await simulate(first)).toEqual(await simulate(first));
  });
});
