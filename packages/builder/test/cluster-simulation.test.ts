/**
 * The whole cluster under a hostile world, seed by seed. `BABUZA_CLUSTER_SEEDS` says how many,
 * `BABUZA_CLUSTER_FIRST_SEED` where to begin; a failing seed is run again by beginning with it.
 */
import { describe, expect, it } from 'vitest';
import { addUp, type Coincidence } from './cluster/coincidences.ts';
import { simulate, type SimulationReport } from './cluster/simulate.ts';

const count = Number(process.env['BABUZA_CLUSTER_SEEDS'] ?? 20);
/** A run of 20 seeds must have had these; one of 100 must have had all. */
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
      // A world in which nothing gets done proves nothing; a single one may be that bad.
      if (count < 10) return;
      expect(operations / count).toBeGreaterThan(20);
      expect(sum(({ unknown }) => unknown)).toBeLessThan(operations * 0.2);
      // Nor does one in which nothing ever coincides.
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
