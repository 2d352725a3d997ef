/**
 * The durability tests that every durable back end runs. A test file passes its back end in; the
 * ledger of `@babuza/wal-core/conformance` decides what is right. Violations are thrown, and counts
 * are printed by the test file.
 */
export {
  confState,
  expectNothing,
  expectThat,
  LadderError,
  ledgerFor,
  logFiles,
  metadata,
  openLog,
  Verdicts,
} from './back-end.ts';
export type { BackEnd } from './back-end.ts';
export { Author, perform } from './author.ts';
export { work } from './work.ts';
export type { Progress, World } from './work.ts';
export { RandomCrashes } from './random-crashes.ts';
export { ConcurrentCrashes } from './concurrent-crashes.ts';
export { Interleavings } from './interleavings.ts';
export type { InterleavingOptions } from './interleavings.ts';
export { overlapsOf } from './overlaps.ts';
export type { Overlap, OverlappingCall } from './overlaps.ts';
export { IdentityCalls } from './identity-calls.ts';
export { workTogether } from './work-together.ts';
export type { SharedWorld } from './work-together.ts';
export { ScriptCrashes } from './script-crashes.ts';
export { entriesFrom, filled, scripts, state } from './scripts.ts';
export type { Script, Step } from './scripts.ts';
export { failures, SingleFaults } from './faults.ts';
export type { Failure, Workload } from './faults.ts';
export { ReopenFaults, reopenFaults } from './faults-reopen.ts';
export type { ReopenRules } from './faults-reopen.ts';
export { loseLockAt } from './lost-locks.ts';
export type { LostLockRun, StallPoint } from './lost-locks.ts';
export { harmlessOperations, TransientFaults, transientKinds } from './transient-faults.ts';
export type { Shortage } from './transient-faults.ts';
export { makeOverlappingStarts, makeStarts } from './starts.ts';
export { buildOverlapping, ledgerWithout } from './overlapping-build.ts';
export type { BuildPlan, BuiltLog, EndOfBuild } from './overlapping-build.ts';
export type { Start } from './starts.ts';
export { killRepeatedly } from './kill.ts';
export type { KillOptions } from './kill.ts';
export { payloadOf, writeUntilKilled } from './kill-writer.ts';
export { failedSyncs, PageCache } from './page-cache.ts';
export {
  flaws,
  sealNotSynced,
  secondOpening,
  unlocked,
  withFlaw,
  worldsUntilCaught,
} from './mutants.ts';
export type { Flaw } from './mutants.ts';
export { identityOfLog } from './identity-of-logs.ts';
export {
  crashAtEveryCall,
  crashInTheOpening,
  damageEverywhere,
  failEveryCall,
} from './identity-records.ts';
export type { IdentityOwner, IdentityStorage } from './identity-records.ts';
export { ShapeCrashes } from './shape-crashes.ts';
export { RefusedShapes } from './refused-shapes.ts';
export type { FullDisk } from './refused-shapes.ts';
export { manyEntries, oneMore, SizedSaves } from './sized-saves.ts';
export type { SavedGroups } from './sized-saves.ts';
