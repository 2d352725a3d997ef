export { startNode } from './start-node.ts';
export type { NodePeer, StartNodeOptions } from './options.ts';
export { BuilderConfigError, BuilderError, type BuilderErrorCode } from '@babuza/builder';
export { TransportError, memberUri, type TransportErrorCode } from '@babuza/transport-http';
export type {
  HttpTransportOptions,
  HttpTransportSecret,
  HttpTransportTls,
} from '@babuza/transport-http';
export {
  BusyError,
  DroppedError,
  NotLeaderError,
  OutcomeUnknownError,
  RaftConfigError,
  RaftError,
  StoppedError,
} from '@babuza/raft';
export type {
  AppliedEntry,
  ApplyResult,
  BabuzaConfig,
  BootstrapOptions,
  Logger,
  Member,
  ProposeResult,
  Raft,
  RaftErrorCode,
  RaftEvent,
  RaftStatus,
  SessionCall,
  SnapshotReader,
  SnapshotWriter,
  StateMachine,
} from '@babuza/raft';
