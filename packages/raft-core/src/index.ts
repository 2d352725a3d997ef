export * from './config.ts';
export {
  BootstrapError,
  ConfChangeError,
  InvalidConfigError,
  InvalidMessageError,
  LocalMessageError,
  PeerNotFoundError,
  ProposalDroppedError,
  RaftCoreError,
  RaftPanicError,
  type ProposalDroppedReason,
  type RaftCoreErrorCode,
} from './errors.ts';
export { isLocalThread, localAppendThread, localApplyThread, none, type IdSet } from './ids.ts';
export type {
  ImpossibleClaim,
  ImpossibleClaimKind,
  ImpossibleClaimSink,
} from './impossible-claims.ts';
export type { LogLevel, RaftLogger } from './logger.ts';
export { MemoryStorage } from './memory-storage.ts';
export { isLocalMessage, isResponseMessage } from './message-class.ts';
export { ProgressState, type Progress } from './progress.ts';
export * from './raw-node.ts';
export type { ReadState } from './read-only.ts';
export { isEmptyHardState, mustSync, StateType, type Ready, type SoftState } from './ready.ts';
export { statusJson, type BasicStatus, type Status } from './status.ts';
export type { TracedMessage, TraceEvent, TraceSink } from './trace.ts';
export type { MembershipConfig } from './tracker.ts';
export * from './describe/index.ts';
