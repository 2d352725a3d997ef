/**
 * The page cache may hold bytes that are not on the disk: the process before was killed between a
 * write and its sync, or its sync failed and the kernel marked the bytes as clean. A recovery must
 * make everything durable that it builds on. Otherwise a later power cut removes it from under
 * acknowledged saves.
 */
import { afterAll, describe, it } from 'vitest';
import { failedSyncs, PageCache } from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

const pageCache = new PageCache(backEnd, (seed) => ({ inline: seed % 3 === 0 }));

afterAll(() =>
  console.log(`lives after a kill or a failed sync: ${pageCache.verdicts.toString()}`),
);

describe('the page cache has more than the disk', () => {
  it('killed at any call, restarted, and then a power cut', () => pageCache.runKilled(12));

  for (const fault of failedSyncs) {
    it(`a sync failed (${JSON.stringify(fault)}), a restart, and then a power cut`, () =>
      pageCache.runFailedSyncs(fault, 12));
  }
});
