/**
 * Every call of the disk fails, once or from then on. Each failure is a typed error, and nothing is
 * acknowledged that is not durable. A full disk leaves the log usable, and everything else poisons
 * it. The log on the disk afterwards opens to a state that the ledger allows.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import { failures, SingleFaults } from '@babuza/testkit/ladder';
import { Ledger } from '@babuza/wal-core/conformance';
import { Author, backEnd, openLog, openManager, perform } from './support/workload.ts';

const workloads = [1, 2, 3, 4].map((seed) => ({
  seed,
  steps: 12,
  options: { inline: seed === 4 },
}));

describe('a failing disk', () => {
  const faults = new SingleFaults(backEnd);
  for (const sticky of [false, true]) {
    for (const failure of failures) {
      it(`${failure.name}, ${sticky ? 'from a call on' : 'once'}, at every call`, async () => {
        let runs = 0;
        for (const workload of workloads) runs += await faults.run(workload, failure, sticky);
        expect(runs).toBeGreaterThan(workloads.length * 10);
      });
    }
  }

  it('that is full for a while leaves the log usable, and the same entries can be saved again', async () => {
    const disk = new SimulatedDisk({ seed: 5 });
    const environment = simulatedEnvironment(5, disk);
    const ledger = new Ledger();
    await runWorkload(environment, async () => {
      const opened = await openLog(openManager(environment, { recycledMax: 0 }));
      const author = new Author(5, opened);
      disk.capacityBytes = 3 * 16 * 1024;
      let refused = 0;
      for (let step = 0; step < 60; step += 1) {
        const batch = author.next();
        const error = await perform(opened, ledger, batch);
        if (error === undefined) continue;
        expect(error.code).toBe('WAL_NO_SPACE');
        refused += 1;
        disk.capacityBytes += 2 * 16 * 1024;
        expect(await perform(opened, ledger, batch)).toBeUndefined();
      }
      expect(refused).toBeGreaterThan(0);
    });
    const survivor = simulatedEnvironment(6, disk.crash(1));
    await runWorkload(survivor, async () => {
      expect(ledger.judge(await openManager(survivor).replayWal())).toEqual([]);
    });
  });
});
