/**
 * Tests the tests: the rungs must fail for logs on a broken file system or with a broken recovery,
 * and must pass on the correct ones.
 */
import { describe, expect, it } from 'vitest';
import {
  failedSyncs,
  flaws,
  PageCache,
  ScriptCrashes,
  scripts,
  secondOpening,
  unlocked,
  withFlaw,
  worldsUntilCaught,
  type Flaw,
} from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

/**
 * Flaws that only matter for the calls of this log: at a cut, in a growing segment, in a recovery.
 */
const own: readonly Flaw[] = [
  { name: 'a sync does nothing', file: () => ({ datasync: () => Promise.resolve() }) },
  {
    name: 'a write into a segment that grows lands a page later',
    file: (below) => ({
      write: async (data, position) =>
        below.write(data, position >= 16 * 1024 ? position + 4096 : position),
    }),
  },
];

/** A recovery that does not make the records durable that it read. */
const noRewrite: Flaw = {
  name: 'a write that changes nothing is not made',
  file: (below) => ({
    write: async (data, position) => {
      const before = new Uint8Array(data.length);
      const read = await below.read(before, position);
      if (read === data.length && Buffer.compare(before, data) === 0) return;
      await below.write(data, position);
    },
  }),
};

/** A recovery that does not remove the cut bytes. */
const noZeros: Flaw = {
  name: 'zeros behind the end are not written, and nothing is cut',
  file: (below) => ({
    write: (data, position) => {
      const bytes = Buffer.from(data).findLastIndex((byte) => byte !== 0) + 1;
      return below.write(data.subarray(0, bytes), position);
    },
    truncate: () => Promise.resolve(),
  }),
};

/** The findings of a rung. */
async function foundBy(run: () => Promise<void>): Promise<string> {
  return run().then(
    () => 'nothing',
    (error: unknown) => String(error),
  );
}

describe('mutants', () => {
  it('the correct one passes', async () => {
    expect(await worldsUntilCaught(backEnd, undefined, 6)).toBeUndefined();
  });

  for (const flaw of [...flaws, ...own]) {
    it(`${flaw.name}: caught`, async () => {
      const worlds = await worldsUntilCaught(backEnd, flaw, 12);
      console.log(`${flaw.name}: caught in world ${worlds}`);
      expect(worlds).toBeDefined();
    });
  }

  it('a recovery that does not write the newest records again: caught by a failed sync and a power cut', async () => {
    const pageCache = new PageCache(withFlaw(backEnd, noRewrite), () => ({}));
    const [dropped] = failedSyncs;
    if (dropped === undefined) throw new Error('there are failed syncs');
    expect(await foundBy(() => pageCache.runFailedSyncs(dropped, 12))).toMatch(/power cut .*lost/s);
  });

  it('a recovery that does not remove the cut bytes: caught by opening once more', async () => {
    const crashes = new ScriptCrashes(withFlaw(backEnd, noZeros), {
      exhaustiveMax: 16,
      samples: 10,
    });
    const script = scripts.find(({ name }) => name === 'rotate');
    if (script === undefined) throw new Error('there is such a script');
    expect(await foundBy(() => crashes.run(script))).toMatch(/the tail is/);
  });

  it('a missing lock: caught by a second manager', async () => {
    expect(await secondOpening(backEnd, undefined)).toBe('WAL_LOCKED');
    expect(await secondOpening(backEnd, unlocked)).toBe('opened twice');
  });
});
