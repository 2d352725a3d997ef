/**
 * Tests of the crash tests. Each mutant is a log on a broken file system: a sync that does nothing,
 * a rename that does not become durable, a write that resolves too early. Power cuts must reveal
 * every mutant, and the same harness must find no error on the correct file system.
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
  it('the correct file system passes', async () => {
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
