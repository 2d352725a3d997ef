/**
 * The errors of a node. Match errors by `code`: the codes are API and never change their meaning.
 * The messages are for people and may change.
 *
 * Decisions: docs/decisions/0026-proposals-and-their-outcomes.md.
 */

export type RaftErrorCode =
  | 'RAFT_CONFIG'
  | 'RAFT_INVALID'
  | 'RAFT_NOT_LEADER'
  | 'RAFT_DROPPED'
  | 'RAFT_OUTCOME_UNKNOWN'
  | 'RAFT_BUSY'
  | 'RAFT_TOO_LARGE'
  | 'RAFT_CONF_CHANGE_REFUSED'
  | 'RAFT_LEARNER_NOT_READY'
  | 'RAFT_SESSION_EXPIRED'
  | 'RAFT_SEQUENCE_STALE'
  | 'RAFT_STATE_MACHINE_FAILED'
  | 'RAFT_STATE_UNREADABLE'
  /**
   * A directory has no log although one is required: by `bootstrap: 'existing'`, or by a recovery.
   */
  | 'RAFT_NO_LOG'
  /** Snapshots or a state machine exist, and the log that they belong to does not. */
  | 'RAFT_LOG_LOST'
  /** Snapshots or a state machine belong to another log than the one that was found. */
  | 'RAFT_OTHER_LOG'
  /** The log is older than the snapshots beside it: it was restored from a copy. */
  | 'RAFT_LOG_OLDER'
  /** The data belongs to another cluster, or to another start of a cluster with the same id. */
  | 'RAFT_OTHER_CLUSTER'
  /** The log was written before clusters had identities, or its identity record is lost. */
  | 'RAFT_IDENTITY_UNKNOWN'
  /**
   * A snapshot that another node offers is not taken: it is not needed, or not from this sender.
   */
  | 'RAFT_SNAPSHOT_REFUSED'
  /** The node has stopped, and some components did not close in time; the message names them. */
  | 'RAFT_SHUTDOWN_TIMEOUT'
  | 'RAFT_STOPPED';

/** The base of all errors of a node. */
export class RaftError extends Error {
  override readonly name: string = 'RaftError';
  readonly code: RaftErrorCode;

  constructor(code: RaftErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** No node can run with this configuration. Nothing was opened. */
export class RaftConfigError extends RaftError {
  override readonly name = 'RaftConfigError';

  constructor(message: string, cause?: unknown) {
    super('RAFT_CONFIG', message, cause);
  }
}

/** The leader, as far as it is known. */
export interface LeaderHint {
  readonly id: bigint;
  readonly address: string | undefined;
}

/**
 * Only the leader can do this. Nothing was done: call the leader that the hint names, or try again
 * later.
 */
export class NotLeaderError extends RaftError {
  override readonly name = 'NotLeaderError';
  readonly leader: LeaderHint | undefined;

  constructor(leader: LeaderHint | undefined) {
    const where =
      leader === undefined
        ? 'none is known'
        : `it is ${leader.id} at ${leader.address ?? 'an unknown address'}`;
    super('RAFT_NOT_LEADER', `this node is not the leader; ${where}`);
    this.leader = leader;
  }
}

/** The proposal is not applied and never will be: another leader's entry has its index. */
export class DroppedError extends RaftError {
  override readonly name = 'DroppedError';

  constructor(message: string, cause?: unknown) {
    super('RAFT_DROPPED', message, cause);
  }
}

/**
 * The proposal may have been applied, or may be applied later. Query the state, or propose again
 * within a session.
 */
export class OutcomeUnknownError extends RaftError {
  override readonly name = 'OutcomeUnknownError';

  constructor(message: string, cause?: unknown) {
    super('RAFT_OUTCOME_UNKNOWN', message, cause);
  }
}

/**
 * The node takes no more at the moment: too much is uncommitted, or the disk is full. Try again
 * later.
 */
export class BusyError extends RaftError {
  override readonly name = 'BusyError';

  constructor(message: string, cause?: unknown) {
    super('RAFT_BUSY', message, cause);
  }
}

/** The node has stopped; `cause` is the error when it has stopped by itself. */
export class StoppedError extends RaftError {
  override readonly name = 'StoppedError';

  constructor(cause?: unknown) {
    super(
      'RAFT_STOPPED',
      cause === undefined ? 'the node has stopped' : 'the node has stopped on an error',
      cause,
    );
  }
}
