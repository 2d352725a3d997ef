/**
 * Simulates operators' mistakes, seed by seed. `BABUZA_OPERATOR_SEEDS` is the number of seeds and
 * `BABUZA_OPERATOR_FIRST_SEED` the first one; to repeat a failing seed, begin with it.
 */
import { describe, expect, it } from 'vitest';
import type { MistakeCounts } from './operators/operators.ts';
import { simulateOperators, type OperatorReport } from './operators/simulation.ts';

const count = Number(process.env['BABUZA_OPERATOR_SEEDS'] ?? 100);
const first = Number(process.env['BABUZA_OPERATOR_FIRST_SEED'] ?? 1);

describe('a cluster whose operators make mistakes', () => {
  it(
    `loses nothing, and each mistake is reported: seeds ${first} to ${first + count - 1}`,
    async () => {
      const reports: OperatorReport[] = [];
      for (let seed = first; seed < first + count; seed += 1) {
        reports.push(await simulateOperators(seed));
      }
      const acknowledged = reports.reduce((sum, report) => sum + report.acknowledged, 0);
      const split = reports.filter(({ isSplit }) => isSplit).length;
      console.log(
        `${count} clusters: ${acknowledged} writes acknowledged, ${split} ended by unprotected losses\n${table(reports)}`,
      );
      if (count < 10) return;
      expect(acknowledged / count).toBeGreaterThan(20);
      expect(split).toBeLessThan(count / 20);
    },
    600_000 + count * 1000,
  );

  it('a seed is the same run again', async () => {
    expect(await simulateOperators(first)).toEqual(await simulateOperators(first));
  });
});

function table(reports: readonly OperatorReport[]): string {
  const sums = new Map<string, MistakeCounts>();
  for (const { counts } of reports) {
    for (const [name, { made, due, reported }] of counts) {
      const sum = sums.get(name) ?? { made: 0, due: 0, reported: 0 };
      sums.set(name, {
        made: sum.made + made,
        due: sum.due + due,
        reported: sum.reported + reported,
      });
    }
  }
  return [...sums]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, { made, due, reported }]) => `${name}: ${made}, due ${due}, reported ${reported}`)
    .join('\n');
}
