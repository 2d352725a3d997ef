/**
 * After a restart, the bytes that a process reads may be in the page cache only: the process before
 * was killed between a write and its sync, or its sync failed and the kernel marked the pages as
 * clean. Recovery must make the batches that it accepts durable. Otherwise a later power cut
 * removes them, although acknowledged batches follow them.
 */
import { afterAll, describe, it } from 'vitest';
import { failedSyncs, PageCache } from '@babuza/testkit/ladder';
import { backEnd } from './support/workload.ts';

const pageCache = new PageCache(backEnd, (seed) => ({ recycledMax: seed % 3 }));

afterAll(() =>
  console.log(`restarts after a kill or a failed sync: ${pageCache.verdicts.toString()}`),
);

describe('the page cache has more than the disk', () => {
  it('killed at any call, restarted, and then a power cut', () => pageCache.runKilled(12));

  for (const fault of failedSyncs) {
    it(`a sync failed (${JSON.stringify(fault)}), a restart, and then a power cut`, () =>
      pageCache.runFailedSyncs(fault, 12));
  }
});
