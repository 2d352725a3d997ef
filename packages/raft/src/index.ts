export {
  bootstrapRaftCluster,
  joinRaftCluster,
  recoverAsStandalone,
  type BootstrapOptions,
  type StartOptions,
  type PeersConfiguration,
} from './start/bootstrap.ts';
export { type StandaloneOptions } from './start/standalone.ts';
export { defaultBabuzaConfig, type BabuzaConfig } from './config.ts';
export {
  BusyError,
  DroppedError,
  NotLeaderError,
  OutcomeUnknownError,
  RaftConfigError,
  RaftError,
  StoppedError,
  type LeaderHint,
  type RaftErrorCode,
} from './errors.ts';
export type { BootstrapMode } from './start/open-node.ts';
export type { LeaderTrouble, RaftEvent, RaftEventListener, RefusedMessageKind } from './events.ts';
export type { ClusterIdentity, FormerIdentity } from './identity/cluster-identity.ts';
export type { Member, MemberRole, MembershipOperation } from './membership/membership.ts';
export type { RaftComponent } from './ports/component.ts';
export type * from './ports/logger.ts';
export type { SessionCall } from './ports/session-manager.ts';
export type * from './ports/state-machine.ts';
export type { ChangeOptions } from './membership/membership-changes.ts';
export type { AddVoterOptions, VoterProgress } from './membership/voter-through-learner.ts';
export type { ProposeResult } from './proposals/propose-result.ts';
export type { NewMember, ProposeOptions, Raft, ShutdownOptions, WaitOptions } from './raft.ts';
export type { SnapshotPlace } from './snapshots/recorded-snapshots.ts';
export type {
  CallCounts,
  ClusterInfo,
  PeerProgress,
  RaftRole,
  RaftStatus,
  Readiness,
  SessionCounts,
} from './status.ts';
