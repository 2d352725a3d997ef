/**
 * The system lacks descriptors, memory or a permission for a while: at every call that stores no
 * bytes, once and until it is healed. The log rejects what it cannot do, is never poisoned, and
 * recovers by itself.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { TransientFaults, transientKinds, type BackEnd } from '../../src/ladder/index.ts';

export function testTransientFaults(backEnd: BackEnd<{ readonly inline?: boolean }>): void {
  const workloads = [1, 2, 3, 4].map((seed) => ({
    seed,
    steps: 40,
    options: { inline: seed % 2 === 0 },
  }));

  const faults = new TransientFaults(backEnd);

  afterAll(() => console.log(faults.toString()));

  describe('a system that lacks a resource', () => {
    for (const lasts of ['once', 'until-healed'] as const) {
      for (const kind of transientKinds) {
        it(`${kind}, ${lasts}, at every call that stores nothing`, async () => {
          let runs = 0;
          for (const workload of workloads) runs += await faults.run(workload, { kind, lasts });
          expect(runs).toBeGreaterThan(workloads.length * 10);
        });
      }
    }
  });
}
