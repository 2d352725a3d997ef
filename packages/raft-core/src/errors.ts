/**
 * Every error of the core. Match them by `code`, which is API; messages are for people. Errors of
 * the storage that mean something to the core are those of `@babuza/wal-core/storage`.
 */

/** The stable codes. */
export type RaftCoreErrorCode =
  | 'RAFT_CORE_CONFIG'
  | 'RAFT_CORE_PROPOSAL_DROPPED'
  | 'RAFT_CORE_LOCAL_MESSAGE'
  | 'RAFT_CORE_PEER_NOT_FOUND'
  | 'RAFT_CORE_INVALID_MESSAGE'
  | 'RAFT_CORE_BOOTSTRAP'
  | 'RAFT_CORE_CONF_CHANGE'
  | 'RAFT_CORE_PANIC';

/** The base of all errors of the core. */
export class RaftCoreError extends Error {
  override readonly name: string = 'RaftCoreError';
  readonly code: RaftCoreErrorCode;

  constructor(code: RaftCoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A configuration that no node can run with. */
export class InvalidConfigError extends RaftCoreError {
  override readonly name = 'InvalidConfigError';
  constructor(message: string) {
    super('RAFT_CORE_CONFIG', message);
  }
}

/** Why a proposal was dropped. */
export type ProposalDroppedReason =
  /** This node knows no leader: propose again once there is one. */
  | 'no-leader'
  /** This node is not the leader and was told not to forward proposals. */
  | 'not-forwarded'
  /** Leadership is being transferred: propose again, to the next leader. */
  | 'transferring'
  /** The uncommitted entries have reached their limit: propose again later. */
  | 'uncommitted-limit'
  /** The log has come to the last index that a number holds exactly, 2^53 - 1. */
  | 'log-full'
  /** This leader is no member any more. */
  | 'not-a-member';

/** A proposal that entered no log. Nothing of it will ever be applied; it may be proposed again. */
export class ProposalDroppedError extends RaftCoreError {
  override readonly name = 'ProposalDroppedError';
  readonly reason: ProposalDroppedReason;
  constructor(reason: ProposalDroppedReason) {
    super('RAFT_CORE_PROPOSAL_DROPPED', 'raft proposal dropped');
    this.reason = reason;
  }
}

/** A message of a type that only a node itself may use came from another. Nothing happened. */
export class LocalMessageError extends RaftCoreError {
  override readonly name = 'LocalMessageError';
  constructor() {
    super('RAFT_CORE_LOCAL_MESSAGE', 'raft: cannot step raft local message');
  }
}

/**
 * A response from a node that is no member, for instance because it was removed. Nothing happened.
 */
export class PeerNotFoundError extends RaftCoreError {
  override readonly name = 'PeerNotFoundError';
  constructor() {
    super('RAFT_CORE_PEER_NOT_FOUND', 'raft: cannot step as peer not found');
  }
}

/** A message that no correct node sends. Nothing happened. */
export class InvalidMessageError extends RaftCoreError {
  override readonly name = 'InvalidMessageError';
  constructor(message: string, cause?: unknown) {
    super('RAFT_CORE_INVALID_MESSAGE', message, cause);
  }
}

/** A group that cannot be started this way. Nothing happened. */
export class BootstrapError extends RaftCoreError {
  override readonly name = 'BootstrapError';
  constructor(message: string) {
    super('RAFT_CORE_BOOTSTRAP', message);
  }
}

/** A change of the membership that is not possible. The membership is unchanged. */
export class ConfChangeError extends RaftCoreError {
  override readonly name = 'ConfChangeError';
  constructor(message: string) {
    super('RAFT_CORE_CONF_CHANGE', message);
  }
}

/**
 * A broken invariant or contract: acknowledged data was lost, the storage misbehaves, or the caller
 * does. The node must not go on: drop it, and find the reason before it is started again.
 */
export class RaftPanicError extends RaftCoreError {
  override readonly name = 'RaftPanicError';
  constructor(message: string, cause?: unknown) {
    super('RAFT_CORE_PANIC', message, cause);
  }
}

/** The code of an error of the storage or of ours; matched by value, never by class. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
