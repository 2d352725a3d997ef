/**
 * The errors of the core. Callers match them by `code`, which is stable; messages are for people.
 * The core also understands the errors of `@babuza/wal-core/storage`, by their codes.
 */

/** The codes of all errors of the core. */
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

/** The configuration is invalid. */
export class InvalidConfigError extends RaftCoreError {
  override readonly name = 'InvalidConfigError';
  constructor(message: string) {
    super('RAFT_CORE_CONFIG', message);
  }
}

/** Why a proposal was dropped. */
export type ProposalDroppedReason =
  /** This node knows no leader. Propose again once there is one. */
  | 'no-leader'
  /** This node is not the leader and is configured not to forward proposals. */
  | 'not-forwarded'
  /** A leadership transfer is under way. Propose again, to the next leader. */
  | 'transferring'
  /** The limit on uncommitted payload bytes is reached. Propose again later. */
  | 'uncommitted-limit'
  /** The last index of the log is 2^53 - 1, the highest that a number holds exactly. */
  | 'log-full'
  /** This leader was removed from the membership. */
  | 'not-a-member';

/** A proposal has entered no log, so it will never be applied. It may be proposed again. */
export class ProposalDroppedError extends RaftCoreError {
  override readonly name = 'ProposalDroppedError';
  readonly reason: ProposalDroppedReason;
  constructor(reason: ProposalDroppedReason) {
    super('RAFT_CORE_PROPOSAL_DROPPED', 'raft proposal dropped');
    this.reason = reason;
  }
}

/** Another node has sent a message of a local type. The message was ignored. */
export class LocalMessageError extends RaftCoreError {
  override readonly name = 'LocalMessageError';
  constructor() {
    super('RAFT_CORE_LOCAL_MESSAGE', 'raft: cannot step raft local message');
  }
}

/**
 * A node that is not a member, for instance because it was removed, has sent a response. The
 * message was ignored.
 */
export class PeerNotFoundError extends RaftCoreError {
  override readonly name = 'PeerNotFoundError';
  constructor() {
    super('RAFT_CORE_PEER_NOT_FOUND', 'raft: cannot step as peer not found');
  }
}

/** A message is of a form that no correct node sends. It was ignored. */
export class InvalidMessageError extends RaftCoreError {
  override readonly name = 'InvalidMessageError';
  constructor(message: string, cause?: unknown) {
    super('RAFT_CORE_INVALID_MESSAGE', message, cause);
  }
}

/** A new group cannot be started with these arguments. The node is unchanged. */
export class BootstrapError extends RaftCoreError {
  override readonly name = 'BootstrapError';
  constructor(message: string) {
    super('RAFT_CORE_BOOTSTRAP', message);
  }
}

/** The membership does not allow a change. It is unchanged. */
export class ConfChangeError extends RaftCoreError {
  override readonly name = 'ConfChangeError';
  constructor(message: string) {
    super('RAFT_CORE_CONF_CHANGE', message);
  }
}

/**
 * An invariant is broken: acknowledged data was lost, or the storage or the caller breaks its
 * contract. The node must stop, and the cause must be found before it is started again.
 */
export class RaftPanicError extends RaftCoreError {
  override readonly name = 'RaftPanicError';
  constructor(message: string, cause?: unknown) {
    super('RAFT_CORE_PANIC', message, cause);
  }
}

/** Returns the `code` of an error, if there is one. Errors are never matched by their class. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Returns the message of an error, or the text of another value that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
