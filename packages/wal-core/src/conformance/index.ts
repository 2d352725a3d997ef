/**
 * The conformance suite: the contract of a log as tests that any back end can run. The README of
 * the package shows the fifteen lines that it takes.
 */
import { appendTests } from './append.ts';
import { compactTests } from './compact.ts';
import { concurrencyTests } from './concurrency.ts';
import { failureTests } from './failure.ts';
import { hardStateTests } from './hard-state.ts';
import { identityTests } from './identity.ts';
import { lifecycleTests } from './lifecycle.ts';
import { limitsTests } from './limits.ts';
import { modelTests } from './model.ts';
import { readTests } from './read.ts';
import { restartTests } from './restart.ts';
import type { ConformanceTarget, TestRunner } from './runner.ts';
import { shapeTests } from './shapes.ts';
import { sizeTests } from './sizes.ts';
import { snapshotMarkerTests } from './snapshot-marker.ts';
import { Suite } from './suite.ts';
import { truncateTests } from './truncate.ts';

export { Ledger } from './ledger.ts';
export type { LedgerBatch, LedgerOptions } from './ledger.ts';
export type { ReopenedLog } from './ledger-compare.ts';
export { groupPositions, shapedGroups, shapedPairs } from './save-shapes.ts';
export type { GroupPosition, ShapedGroup } from './save-shapes.ts';
export type { ConformanceHarness, ConformanceTarget, Expectation, TestRunner } from './runner.ts';

/** Registers all tests of the suite with the runner. */
export function describeConformance(runner: TestRunner, target: ConformanceTarget): void {
  const suite = new Suite(runner, target);
  suite.group(`conformance of ${target.name}`, () => {
    suite.group('append', () => appendTests(suite));
    suite.group('read', () => readTests(suite));
    suite.group('truncate', () => truncateTests(suite));
    suite.group('compact', () => compactTests(suite));
    suite.group('hard state', () => hardStateTests(suite));
    suite.group('snapshot marker', () => snapshotMarkerTests(suite));
    suite.group('shapes', () => shapeTests(suite));
    suite.group('restart', () => restartTests(suite));
    suite.group('concurrency', () => concurrencyTests(suite));
    suite.group('limits', () => limitsTests(suite));
    suite.group('sizes', () => sizeTests(suite));
    suite.group('failure', () => failureTests(suite));
    suite.group('lifecycle', () => lifecycleTests(suite));
    suite.group('identity', () => identityTests(suite));
    suite.group('model', () => modelTests(suite));
  });
}
