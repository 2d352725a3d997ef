/**
 * The suite is tested, too: each wrong back end must be noticed, by the tests that are there for
 * it.
 */
import { describeConformance } from '@babuza/wal-core/conformance';
import { describe, expect, it } from 'vitest';
import { wrongBackends, type WrongBackend } from './wrong-backends/list.ts';
import {
  MemoryPlace,
  ReferenceManager,
  referenceCapabilities,
} from './wrong-backends/reference.ts';

type Body = () => Promise<void>;

/** The suite's tests for a back end, by name, not run yet. */
function testsOf(open: WrongBackend['open']): Map<string, Body> {
  const tests = new Map<string, Body>();
  const runner = {
    describe: (_: string, body: () => void) => body(),
    it: (name: string, body: Body) => tests.set(name, body),
    expect,
  };
  describeConformance(runner, {
    name: 'a wrong back end',
    capabilities: referenceCapabilities,
    failsOnDemand: true,
    create() {
      const place = new MemoryPlace();
      return {
        open: async () => open(place),
        failNextWrite(kind) {
          place.nextFailure = kind;
        },
        destroy() {
          place.logs.clear();
        },
      };
    },
  });
  return tests;
}

describe('the suite notices', () => {
  for (const { name, failing, open } of wrongBackends) {
    const tests = testsOf(open);
    for (const start of failing) {
      it(`${name}: ${start}`, async () => {
        const named = [...tests].filter(([test]) => test.startsWith(start));
        expect(named.map(([test]) => test)).toHaveLength(1);
        for (const [, body] of named) await expect(body()).rejects.toThrow();
      });
    }
  }
});

it('the same tests pass on the right one', async () => {
  const tests = testsOf((place) => new ReferenceManager(place));
  const starts = wrongBackends.flatMap(({ failing }) => failing);
  for (const [name, body] of tests) {
    if (starts.some((start) => name.startsWith(start))) await body();
  }
});
