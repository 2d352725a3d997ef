/**
 * The entry point of a user who embeds a Raft node: `RawNode`, its configuration, the values that
 * it takes and returns, its errors, and a storage in memory. Texts of these values are in the entry
 * point `@babuza/raft-core/describe`.
 */

export type { BootstrapPeer } from './bootstrap.ts';
export { ReadOnlyOption, type RaftConfig } from './config.ts';
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
export { MemoryStorage } from './log/memory-storage.ts';
export type { LogLevel, RaftLogger } from './logger.ts';
export type {
  ImpossibleClaim,
  ImpossibleClaimKind,
  ImpossibleClaimSink,
} from './messages/impossible-claim.ts';
export { RawNode, type ProposedEntry, type SnapshotOutcome } from './raw-node.ts';
export { StateType, type ReadState, type Ready, type SoftState } from './ready.ts';
export type { BasicStatus, Status } from './status.ts';
export type { TracedMessage, TraceEvent, TraceSink } from './trace/events.ts';
export type { MembershipConfig } from './tracker/membership-config.ts';
export { ProgressState, type Progress } from './tracker/progress.ts';
