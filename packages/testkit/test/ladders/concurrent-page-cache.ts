/**
 * The page cache holds more than the disk, with overlapping calls: the process was killed or a sync
 * failed during several calls, the next process makes overlapping calls, and then the power is cut.
 * `BABUZA_CONCURRENT_SEEDS` sets the number of workloads.
 */
import { afterAll, describe, it } from 'vitest';
import { failedSyncs, PageCache, type BackEnd } from '../../src/ladder/index.ts';

export function testConcurrentPageCache(backEnd: BackEnd<{ readonly inline?: boolean }>): void {
  const seeds = Number(process.env['BABUZA_CONCURRENT_SEEDS'] ?? 2);
  const limitMs = seeds * 300_000;
  const pageCache = new PageCache(backEnd, (seed) => ({ inline: seed % 3 === 0 }), 3);

  afterAll(() =>
    console.log(
      `overlapping lives after a kill or a failed sync: ${pageCache.verdicts.toString()}`,
    ),
  );

  describe('the page cache holds more than the disk, with overlapping calls', () => {
    it(
      'killed at any call, restarted, and then a power cut',
      () => pageCache.runKilled(seeds),
      limitMs,
    );

    for (const fault of failedSyncs) {
      it(
        `a sync failed (${JSON.stringify(fault)}), a restart, and then a power cut`,
        () => pageCache.runFailedSyncs(fault, seeds),
        limitMs,
      );
    }
  });
}
