/**
 * Tests the suite itself: the tests that exist for a defect must fail on the wrong back end that
 * has it.
 */
import { describeConformance } from '@babuza/wal-core/conformance';
import { describe, expect, it } from 'vitest';
import { wrongBackends, type WrongBackend } from './wrong-backends/list.ts';
import { MemoryDisk, ReferenceManager, referenceCapabilities } from './wrong-backends/reference.ts';

type Body = () => Promise<void>;

/** Collects the suite's tests for a back end by name, without running them. */
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
      const disk = new MemoryDisk();
      return {
        open: async () => open(disk),
        failNextWrite(kind) {
          disk.nextFailure = kind;
        },
        destroy() {
          disk.logs.clear();
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

it('the same tests pass on the correct back end', async () => {
  const tests = testsOf((disk) => new ReferenceManager(disk));
  const starts = wrongBackends.flatMap(({ failing }) => failing);
  for (const [name, body] of tests) {
    if (starts.some((start) => name.startsWith(start))) await body();
  }
});
