/**
 * The state machine of the user, which is what a cluster replicates. Every replica applies the same
 * entries in the same order, so `apply` must depend on nothing but the state and the entries: no
 * clock, no random numbers, no other service.
 *
 * Decisions: docs/decisions/0027-state-machines-and-sessions.md.
 */

/** A committed proposal, in log order. */
export interface AppliedEntry {
  readonly index: number;
  readonly term: number;
  /** The proposed bytes. They must not be changed; they may be kept. */
  readonly data: Uint8Array;
  /**
   * The log time in milliseconds since 1970: the leader's clock, kept within five minutes of the
   * median of the members' clocks. It never goes back from one entry to the next and is the same on
   * every replica. Use it when the state needs a time.
   */
  readonly timeMs: number;
}

/**
 * The result of a proposal; `undefined` for no result. It is kept with the session, so it should be
 * small.
 */
export type ApplyResult = Uint8Array | undefined;

/** Writes the files of a snapshot. */
export interface SnapshotWriter {
  /**
   * Appends to the main file. The chunk is not changed or kept. Await each write: overlapping
   * writes abort the snapshot.
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Writes a whole additional file from chunks. Names consist of letters, digits, `.`, `_`, `-`.
   */
  writeFile(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /**
   * Adds a file at an absolute path to the snapshot without copying it. It must not be changed or
   * removed while the snapshot exists. Other members receive its content like that of any other
   * file.
   */
  linkFile(name: string, path: string): Promise<void>;
}

/** Reads a snapshot. Every chunk is checked against its checksum before it is handed out. */
export interface SnapshotReader {
  /** The names of the additional files, ascending. */
  readonly fileNames: readonly string[];
  /**
   * The main file in chunks. Damage is an error of the snapshot manager. A running node waits while
   * the system is short of descriptors or memory, and the reader still gets each byte once.
   */
  read(): AsyncIterable<Uint8Array>;
  readFile(name: string): AsyncIterable<Uint8Array>;
}

interface StateMachineBase<Query, Answer> {
  /**
   * Applies entries in order and returns one result for each. Calls do not overlap. An error of the
   * application must be encoded in the result. An error that `apply` throws stops the node
   * (`RAFT_STATE_MACHINE_FAILED`), because replicas would differ.
   */
  apply(entries: readonly AppliedEntry[]): readonly ApplyResult[] | Promise<readonly ApplyResult[]>;
  /**
   * Answers a query about the current state. It may run during `apply` and during
   * `restoreSnapshot`.
   */
  query(request: Query): Answer | Promise<Answer>;
  /**
   * Replaces the whole state by that of a snapshot. `apply` does not run meanwhile, but `query`
   * may; until the new state is complete, `query` should answer from the old one.
   */
  restoreSnapshot(reader: SnapshotReader, signal: AbortSignal): Promise<void>;
  /** Releases all resources. Only `query` may still be running. */
  close(): void | Promise<void>;
}

/** A state in memory. No entry is applied while a snapshot is written. */
export interface MemoryStateMachine<Query = unknown, Answer = unknown> extends StateMachineBase<
  Query,
  Answer
> {
  readonly kind: 'memory';
  saveSnapshot(writer: SnapshotWriter, signal: AbortSignal): Promise<void>;
}

/**
 * A state in memory that can be written while it changes: `prepareSnapshot` fixes the content of
 * the snapshot.
 */
export interface ConcurrentStateMachine<Query = unknown, Answer = unknown> extends StateMachineBase<
  Query,
  Answer
> {
  readonly kind: 'concurrent';
  /**
   * Called between two calls of `apply`, so it must be quick: make a copy, remember a version, or
   * keep a reference to a persistent structure. When it returns a promise, no entry is applied
   * before that has settled. `saveSnapshot` is given the result.
   */
  prepareSnapshot(): unknown;
  /** Writes the prepared state while entries are applied. */
  saveSnapshot(prepared: unknown, writer: SnapshotWriter, signal: AbortSignal): Promise<void>;
}

/**
 * A state on disk that knows the index up to which it is durable. Snapshots are written while it
 * changes.
 */
export interface DiskStateMachine<Query = unknown, Answer = unknown> extends StateMachineBase<
  Query,
  Answer
> {
  readonly kind: 'disk';
  /**
   * Called first. Returns the index up to which the state is durable: entries up to it are not
   * applied again. It must never be ahead of what `apply` was given. If it is beyond the end of the
   * log, the log has lost entries, and the start is refused (`RAFT_LOG_OLDER`). Only
   * `recoverAsStandalone` goes on then: it replaces the state by that of the newest snapshot
   * (without one: `RAFT_STATE_UNREADABLE`).
   */
  open(): Promise<{
    readonly appliedIndex: number;
    /** The id that `bindLog` was given last; absent when it was never called. */
    readonly logId?: string | undefined;
  }>;
  /**
   * Stores the id of the log that the state comes from, durably and together with the state, so
   * that a start with another log is refused (`RAFT_OTHER_LOG`). Called at a start, before `apply`,
   * when `open` returned another id or none. Without this method the node can only detect a state
   * that is ahead of the log, or one beside a new log.
   */
  bindLog?(logId: string): Promise<void>;
  /** See `ConcurrentStateMachine.prepareSnapshot`. */
  prepareSnapshot(): unknown;
  saveSnapshot(prepared: unknown, writer: SnapshotWriter, signal: AbortSignal): Promise<void>;
}

export type StateMachine<Query = unknown, Answer = unknown> =
  | MemoryStateMachine<Query, Answer>
  | ConcurrentStateMachine<Query, Answer>
  | DiskStateMachine<Query, Answer>;
