export { SeededRandom, mixSeeds } from './seeded-random.ts';
export { SimulatedDisk } from './simulated-disk.ts';
export type { SimulatedDiskOptions } from './simulated-disk.ts';
export type { SimulatedLock } from './simulated-lock.ts';
export { WorldStopped, formatTrace } from './call-engine.ts';
export type { CallRecord, CallSite, HeldCall } from './call-engine.ts';
export type { Fault, FaultRule, InjectedFault } from './fault-rules.ts';
export { CrashPlan } from './crash-plan.ts';
export type { CrashChoice, CrashSelection } from './crash-plan.ts';
export { crashStates } from './crash-states.ts';
export type { CrashState, CrashStatesOptions } from './crash-states.ts';
export type { DiskSurgery } from './disk-surgery.ts';
export { SimulatedClock, turnOfEventLoop } from './simulated-clock.ts';
export {
  WorkloadHangs,
  isWorldStopped,
  runWorkload,
  simulatedEnvironment,
} from './simulated-environment.ts';
export type { SimulatedEnvironment, WorkloadOutcome } from './simulated-environment.ts';
export { RandomSchedule, runScheduled } from './scheduled-world.ts';
export type { Option, Schedule, ScheduledRun } from './scheduled-world.ts';
export { OneByteFileSystem } from './one-byte-file-system.ts';
export * from './history/index.ts';
