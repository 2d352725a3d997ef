/**
 * Who tests the tests? Each mutant is a log that stands on something broken: a sync that does not
 * sync, a rename that is not made durable, a write that says too early that it is done. Power cuts
 * must show every one of them; on the honest file system the same harness must find nothing.
 */
import { describe, expect, it } from 'vitest';
import {
  flaws,
  sealNotSynced,
  secondOpening,
  unlocked,
  worldsUntilCaught,
} from '@babuza/testkit/ladder';
import { backEnd } from './support/workload.ts';

describe('mutants', () => {
  it('the honest one passes', async () => {
    expect(await worldsUntilCaught(backEnd, undefined, 6)).toBeUndefined();
  });

  for (const flaw of [...flaws, sealNotSynced]) {
    it(`${flaw.name}: caught`, async () => {
      const worlds = await worldsUntilCaught(backEnd, flaw, 12);
      console.log(`${flaw.name}: caught in world ${worlds}`);
      expect(worlds).toBeDefined();
    });
  }

  it('the lock is not taken: caught by a second manager', async () => {
    expect(await secondOpening(backEnd, undefined)).toBe('WAL_LOCKED');
    expect(await secondOpening(backEnd, unlocked)).toBe('opened twice');
  });
});
