/**
 * What a process reads after a restart may be in the memory of the kernel only: the process before
 * was killed between a write and its sync, or its sync failed and the kernel has marked the bytes
 * as clean. Recovery must make durable what it builds on, or a later power cut takes it away from
 * under what was acknowledged since.
 */
import { afterAll, describe, it } from 'vitest';
import { failedSyncs, PageCache } from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

const pageCache = new PageCache(backEnd, (seed) => ({ inline: seed % 3 === 0 }));

afterAll(() =>
  console.log(`lives after a kill or a failed sync: ${pageCache.verdicts.toString()}`),
);

describe('the kernel remembers more than the disk', () => {
  it('killed at any call, restarted, and then a power cut', () => pageCache.runKilled(12));

  for (const fault of failedSyncs) {
    it(`a sync failed (${JSON.stringify(fault)}), a restart, and then a power cut`, () =>
      pageCache.runFailedSyncs(fault, 12));
  }
});
