/**
 * The contract of a place that holds logs: a directory, or a database. It says whether there is a
 * log, creates it, and opens it again. One manager at a time owns a place. Every call takes the id
 * of the Raft group whose log is meant, `0n` by default.
 */
import type { HardState, SnapshotMetadata } from '@babuza/raftpb';
import type { WalCapabilities } from './capabilities.ts';
import type { EntryStorage } from './entry-storage.ts';
import type { WalEventSource } from './events.ts';
import type { Wal } from './wal.ts';

/** Whose log it is, fixed when it is created. */
export interface WalMetadata {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  /**
   * The largest entry, as protobuf encoding size in bytes: one value for a whole cluster. Default
   * 8 MiB; at most what the capabilities say.
   */
  readonly entryBytesMax: number;
  /** Bytes of the application, at most 1,024. */
  readonly extra?: Uint8Array | undefined;
  /**
   * Bytes of the node that name the log and its beginning, at most 128. Absent in logs that were
   * created without them, and where the format has no room (`wal-etcd` with `metadata: 'etcd'`).
   */
  readonly identity?: Uint8Array | undefined;
}

/** Metadata as callers give it: ids may be safe integers, the limit may be left out. */
export interface WalMetadataInput {
  readonly clusterId: bigint | number;
  readonly nodeId: bigint | number;
  readonly entryBytesMax?: number | undefined;
  readonly extra?: Uint8Array | undefined;
  readonly identity?: Uint8Array | undefined;
}

export interface GroupOptions {
  /** The Raft group whose log is meant, from 0 to 2^64 − 1. Default `0n`. */
  readonly groupId?: bigint | number | undefined;
}

export interface ReplayOptions extends GroupOptions {
  /**
   * The snapshot to start from: one that `findSnapshots` lists, by index and term. Default: the
   * newest of them, or none. Give an older one when the files of the newest are damaged.
   */
  readonly snapshot?: Pick<SnapshotMetadata, 'index' | 'term'> | undefined;
  /**
   * Durably drops all entries above the commit index (never at or below the snapshot). The commit
   * index alone is not synced, so this can drop committed entries after a crash: it is for recovery
   * by decision, not for ordinary starts. Default false.
   */
  readonly discardUncommitted?: boolean | undefined;
  /** What the metadata must be; a difference is refused with `WAL_METADATA_MISMATCH`. */
  readonly expect?: Partial<Omit<WalMetadataInput, 'extra' | 'identity'>> | undefined;
}

/**
 * What recovery found behind the last whole batch.
 *
 * - `clean`: nothing.
 * - `torn`: a batch that a crash interrupted. It was never acknowledged; it was cut.
 * - `uncertain`: the very last batch was damaged, by a crash while it was written or by rot after
 *   it was acknowledged, and nothing behind it can tell which. It was cut; the index range is what
 *   it held.
 */
export interface TailReport {
  readonly verdict: 'clean' | 'torn' | 'uncertain';
  /** Bytes that were cut; 0 when clean. */
  readonly bytesDropped: number;
  /** Where the cut is. */
  readonly file?: string | undefined;
  readonly offset?: number | undefined;
  /** The entries of the batch that was cut, as far as they can be told. */
  readonly firstIndex?: number | undefined;
  readonly lastIndex?: number | undefined;
}

/** An open log. `createWal` and `replayWal` return the same shape. */
export interface OpenedWal {
  readonly wal: Wal;
  /** The read side of the same log, for the Raft core. */
  readonly storage: EntryStorage;
  readonly metadata: WalMetadata;
  /** As of opening; `commit` lies between the snapshot's index and the last index. */
  readonly hardState: HardState;
  /** The valid snapshot markers, in ascending order: what `findSnapshots` lists. */
  readonly snapshots: readonly SnapshotMetadata[];
  readonly tail: TailReport;
}

/** A place that holds logs. */
export interface WalManager extends AsyncDisposable {
  readonly capabilities: WalCapabilities;
  /** The events of the manager and of all its logs. */
  readonly events: WalEventSource;

  /**
   * Takes the lock of the place now, where there is one that has to be locked. Opening a log takes
   * it in any case; this is for callers that have to wait for other locks as well, which may take
   * 10 s each. A place that does not exist yet is not made. Absent where nobody else can reach the
   * place.
   *
   * Rejects with `WAL_LOCKED`, `WAL_PERMISSION`, `WAL_READ_FAILED`.
   */
  takeLock?(): Promise<void>;

  /**
   * Whether there is a log, also one whose entries are all purged: nobody bootstraps over data.
   *
   * Rejects with `WAL_FOREIGN` where the directory holds a log of another kind; so do all other
   * calls.
   */
  hasExistingWal(options?: GroupOptions): Promise<boolean>;

  /**
   * Creates a log, durably, and opens it.
   *
   * Rejects with `WAL_EXISTS` when there is one, `WAL_FOREIGN` when there is something else, such
   * as the identity record of a log whose own files are gone, `WAL_LOCKED`, `WAL_INVALID`,
   * `WAL_PERMISSION`, `WAL_NO_SPACE`, `WAL_TRY_AGAIN`.
   */
  createWal(metadata: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal>;

  /**
   * The snapshot markers that a start is possible from: index not above the commit index and not
   * before the start of the log; ascending. Nothing is changed. A torn tail does not matter.
   *
   * Rejects with `WAL_NOT_FOUND` when there is no log, `WAL_FOREIGN`, `WAL_CORRUPT` when it is
   * damaged, `WAL_TRY_AGAIN` when the system was short of something: nothing is known then, and the
   * call may be made again.
   */
  findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]>;

  /**
   * Recovers the log and opens it. A torn tail is cut and reported; damage to what had been durable
   * is refused with `WAL_CORRUPT`, and then nothing is changed. The entries before the snapshot
   * that have not been purged stay readable.
   *
   * Rejects with `WAL_NOT_FOUND` (no log, or no such snapshot), `WAL_LOCKED`,
   * `WAL_METADATA_MISMATCH`, `WAL_FOREIGN`, `WAL_VERSION`, `WAL_PERMISSION`, `WAL_READ_FAILED`,
   * `WAL_CORRUPT`.
   */
  replayWal(options?: ReplayOptions): Promise<OpenedWal>;

  /**
   * The identity record of a log: the bytes that `writeIdentity` wrote last, or `undefined` where
   * none were written or where there is no log. The log need not be open.
   *
   * Rejects with `WAL_CORRUPT` when the record is damaged, `WAL_VERSION` when a newer release wrote
   * it, `WAL_READ_FAILED`, `WAL_PERMISSION`.
   */
  readIdentity(options?: GroupOptions): Promise<Uint8Array | undefined>;

  /**
   * Replaces the identity record of a log that this manager has open: opaque bytes, at most 65,536,
   * which lie beside the log. They are copied before the call returns. When the promise resolves,
   * the new bytes are there after any crash; after a crash before that, either the old or the new
   * bytes are there, whole. Two calls for one group take effect in the order in which they were
   * made.
   *
   * Rejects with `WAL_INVALID`, `WAL_NOT_FOUND` when there is no log, `WAL_CLOSED` when it is not
   * open here, `WAL_POISONED` when it takes no more writes. A disk that fails rejects with
   * `WAL_NO_SPACE`, `WAL_PERMISSION` or `WAL_WRITE_FAILED`, and the log stays usable; a database
   * whose write fails poisons all of its logs (`WAL_POISONED`). After a failure either the old or
   * the new bytes are there: write the record again.
   */
  writeIdentity(bytes: Uint8Array, options?: GroupOptions): Promise<void>;

  /** Closes all logs and gives the place back. A second call returns the same promise. */
  close(): Promise<void>;
}

/** How a back end presents itself: the builder, the tools and third parties need no more. */
export interface WalBackend<Options extends object = object> {
  /** The names of the WAL type, the canonical one first; the rest are documented synonyms. */
  readonly types: readonly [string, ...string[]];
  readonly capabilities: WalCapabilities;
  /**
   * Opens the place `directory`, an absolute path that is made when it is missing. Nothing else is
   * touched until a log is created or opened.
   */
  open(directory: string, options?: Options): Promise<WalManager>;
}
