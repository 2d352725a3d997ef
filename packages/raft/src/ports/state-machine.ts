/**
 * What a user replicates: a state machine of one's own. Every replica applies the same entries in
 * the same order, so `apply` must depend on nothing but the state and the entries: no clock, no
 * randomness, no other service.
 *
 * Decisions: docs/decisions/0027-state-machines-and-sessions.md.
 */

/** One proposal that was committed, in log order. */
export interface AppliedEntry {
  readonly index: number;
  readonly term: number;
  /** What was proposed. It must not be changed; it may be kept. */
  readonly data: Uint8Array;
  /**
   * The time of the log in milliseconds since 1970: the clock of the leader, within five minutes of
   * the median of the members' clocks. It never goes back from one entry to the next and is the
   * same on every replica; use it where the state needs a time.
   */
  readonly timeMs: number;
}

/**
 * What a proposal answers; absent for "nothing". It is kept with the session, so it should be
 * small.
 */
export type ApplyResult = Uint8Array | undefined;

/** What the files of a snapshot are written to. */
export interface SnapshotWriter {
  /**
   * Appends to the main file; it resolves when more may be written. The chunk is not changed or
   * kept. Who writes more before has no snapshot.
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Writes a further file of the snapshot, whole, from chunks. Names: letters, digits, `.`, `_`,
   * `-`.
   */
  writeFile(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /**
   * Makes a file that lies elsewhere (absolute path) one of the snapshot without copying it. It
   * must not be changed or removed while the snapshot exists; other members get its content as that
   * of any other file.
   */
  linkFile(name: string, path: string): Promise<void>;
}

/**
 * Where a snapshot is read from. Every chunk was checked against its checksum before it is handed
 * out.
 */
export interface SnapshotReader {
  /** The further files, ascending. */
  readonly fileNames: readonly string[];
  /**
   * The main file in chunks. Damage is an error of the snapshot manager. A running node waits while
   * the system is short of descriptors or memory, and the reader gets each byte once.
   */
  read(): AsyncIterable<Uint8Array>;
  readFile(name: string): AsyncIterable<Uint8Array>;
}

interface StateMachineBase<Query, Answer> {
  /**
   * Applies entries, in order, and returns one result each. Calls do not overlap. An error of the
   * application is a value in the result; what is thrown stops the node
   * (`RAFT_STATE_MACHINE_FAILED`), because replicas would differ.
   */
  apply(entries: readonly AppliedEntry[]): readonly ApplyResult[] | Promise<readonly ApplyResult[]>;
  /**
   * Answers a question about the state as it is. It may run beside `apply`, and beside
   * `restoreSnapshot`.
   */
  query(request: Query): Answer | Promise<Answer>;
  /**
   * Replaces the whole state by that of a snapshot. `apply` does not run meanwhile, but `query`
   * may: until the new state is whole, it should be answered from the old one.
   */
  restoreSnapshot(reader: SnapshotReader, signal: AbortSignal): Promise<void>;
  /** Gives all resources back. Nothing of the above but `query` runs any more. */
  close(): void | Promise<void>;
}

/** A state in memory. While a snapshot is written nothing is applied. */
export interface MemoryStateMachine<Query = unknown, Answer = unknown> extends StateMachineBase<
  Query,
  Answer
> {
  readonly kind: 'memory';
  saveSnapshot(writer: SnapshotWriter, signal: AbortSignal): Promise<void>;
}

/**
 * A state in memory that can be written while it changes: `prepareSnapshot` fixes what is to be
 * written.
 */
export interface ConcurrentStateMachine<Query = unknown, Answer = unknown> extends StateMachineBase<
  Query,
  Answer
> {
  readonly kind: 'concurrent';
  /**
   * Called between two `apply`, so it must be quick: a copy, a version, a reference to something
   * persistent. Where it returns a promise nothing is applied before that has settled, and
   * `saveSnapshot` is given what it gave.
   */
  prepareSnapshot(): unknown;
  /** Writes what was prepared, while `apply` goes on. */
  saveSnapshot(prepared: unknown, writer: SnapshotWriter, signal: AbortSignal): Promise<void>;
}

/**
 * A state that lies on disk by itself, and knows up to which entry. Snapshots are written while it
 * changes.
 */
export interface DiskStateMachine<Query = unknown, Answer = unknown> extends StateMachineBase<
  Query,
  Answer
> {
  readonly kind: 'disk';
  /**
   * Called first. The index up to which the state is durable: entries up to it are not applied
   * again. It must never be ahead of what `apply` was given. Where it lies beyond the end of the
   * log, the log has lost something, and the start is refused (`RAFT_LOG_OLDER`). Only
   * `recoverAsStandalone` goes on then: it replaces the state by that of the newest snapshot
   * (without one: `RAFT_STATE_UNREADABLE`).
   */
  open(): Promise<{
    readonly appliedIndex: number;
    /** The id that `bindLog` was given last; absent where it was never called. */
    readonly logId?: string | undefined;
  }>;
  /**
   * Keeps the id of the log that the state comes from, durably and together with the state, so that
   * files of another log are recognised (`RAFT_OTHER_LOG`). Called at a start, before `apply`,
   * where `open` gave another id or none. Without this method only a state that is ahead of the log
   * is recognised, and one beside a log that is new.
   */
  bindLog?(logId: string): Promise<void>;
  /** As that of `ConcurrentStateMachine`. */
  prepareSnapshot(): unknown;
  saveSnapshot(prepared: unknown, writer: SnapshotWriter, signal: AbortSignal): Promise<void>;
}

export type StateMachine<Query = unknown, Answer = unknown> =
  | MemoryStateMachine<Query, Answer>
  | ConcurrentStateMachine<Query, Answer>
  | DiskStateMachine<Query, Answer>;
