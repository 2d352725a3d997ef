/**
 * The contract of a manager: the owner of a directory or a database that holds logs. It says
 * whether a log exists, creates it, and opens it again. A directory has one manager at a time.
 * Every call takes the id of the Raft group, `0n` by default.
 */
import type { HardState, SnapshotMetadata } from '@babuza/raftpb';
import type { WalCapabilities } from './capabilities.ts';
import type { EntryStorage } from './entry-storage.ts';
import type { WalEventSource } from './events.ts';
import type { TailReport } from './reports.ts';
import type { Wal } from './wal.ts';

/** The identity and the limits of a log. They are fixed when the log is created. */
export interface WalMetadata {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  /**
   * The largest entry, as protobuf encoding size in bytes: one value for the whole cluster. Default
   * 8 MiB; from 1,024 to the `entryBytesMax` of the capabilities.
   */
  readonly entryBytesMax: number;
  /** Opaque bytes of the application, at most 1,024. */
  readonly extra?: Uint8Array | undefined;
  /**
   * Opaque bytes by which a node recognises the log and its origin, at most 128. Absent in logs
   * that were created without them, and in formats without a field for them (`wal-etcd` with
   * `metadata: 'etcd'`).
   */
  readonly identity?: Uint8Array | undefined;
}

/** Metadata as callers pass it: ids may be safe integers, and the limit is optional. */
export interface WalMetadataInput {
  readonly clusterId: bigint | number;
  readonly nodeId: bigint | number;
  readonly entryBytesMax?: number | undefined;
  readonly extra?: Uint8Array | undefined;
  readonly identity?: Uint8Array | undefined;
}

export interface GroupOptions {
  /** The Raft group whose log the call is about, from 0 to 2^64 − 1. Default `0n`. */
  readonly groupId?: bigint | number | undefined;
}

export interface ReplayOptions extends GroupOptions {
  /**
   * The snapshot to start from, by index and term: one of those that `findSnapshots` lists.
   * Default: the newest of them, or no snapshot. Name an older one when the files of the newest are
   * damaged.
   */
  readonly snapshot?: Pick<SnapshotMetadata, 'index' | 'term'> | undefined;
  /**
   * Durably drops all entries above the commit index, but never at or below the snapshot. The
   * commit index alone is not synced, so after a crash this can drop committed entries. It is for a
   * recovery by an operator, not for ordinary starts. Default false.
   */
  readonly discardUncommitted?: boolean | undefined;
  /** The expected metadata. A difference rejects with `WAL_METADATA_MISMATCH`. */
  readonly expect?: Partial<Omit<WalMetadataInput, 'extra' | 'identity'>> | undefined;
}

/** An open log, as `createWal` and `replayWal` return it. */
export interface OpenedWal {
  readonly wal: Wal;
  /** The read side of the same log, which the Raft core reads. */
  readonly storage: EntryStorage;
  readonly metadata: WalMetadata;
  /**
   * The hard state when the log was opened. `commit` is between the index of the snapshot and the
   * last index.
   */
  readonly hardState: HardState;
  /** The valid snapshot markers in ascending order, as `findSnapshots` lists them. */
  readonly snapshots: readonly SnapshotMetadata[];
  readonly tail: TailReport;
}

/** The owner of a directory (or database) that holds the logs of all Raft groups of a node. */
export interface WalManager extends AsyncDisposable {
  readonly capabilities: WalCapabilities;
  /** The events of the manager and of all its logs. */
  readonly events: WalEventSource;

  /**
   * Locks the directory now. Opening a log locks it in any case; this call is for callers that wait
   * for other locks at the same time, because each wait may take 10 s. A missing directory is not
   * created. Absent for back ends whose data no other process can open.
   *
   * Rejects with `WAL_LOCKED`, `WAL_PERMISSION`, `WAL_READ_FAILED`.
   */
  takeLock?(): Promise<void>;

  /**
   * Whether there is a log. A log whose entries are all purged counts too, so that a node never
   * bootstraps over existing data.
   *
   * Rejects with `WAL_FOREIGN` when the directory holds a log of another kind; so do all other
   * calls.
   */
  hasExistingWal(options?: GroupOptions): Promise<boolean>;

  /**
   * Creates a log durably and opens it.
   *
   * Rejects with `WAL_EXISTS` when there is a log; `WAL_FOREIGN` when there is something else, such
   * as the identity record of a log whose own files are gone; `WAL_LOCKED`, `WAL_INVALID`,
   * `WAL_PERMISSION`, `WAL_NO_SPACE`, `WAL_TRY_AGAIN`.
   */
  createWal(metadata: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal>;

  /**
   * Lists the snapshot markers that a replay can start from, in ascending order: their index is not
   * above the commit index and not before the start of the log. The call changes nothing, and
   * ignores a torn tail.
   *
   * Rejects with `WAL_NOT_FOUND` when there is no log, `WAL_FOREIGN`, `WAL_CORRUPT` when the log is
   * damaged, `WAL_TRY_AGAIN` when the system lacked a resource: nothing is known then, and the call
   * may be made again.
   */
  findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]>;

  /**
   * Recovers the log and opens it. A torn tail is cut and reported. Damage to data that had been
   * durable rejects with `WAL_CORRUPT`, and nothing is changed. Entries before the snapshot stay
   * readable until they are purged.
   *
   * Rejects with `WAL_NOT_FOUND` (no log, or no such snapshot), `WAL_LOCKED`,
   * `WAL_METADATA_MISMATCH`, `WAL_FOREIGN`, `WAL_VERSION`, `WAL_PERMISSION`, `WAL_READ_FAILED`,
   * `WAL_CORRUPT`.
   */
  replayWal(options?: ReplayOptions): Promise<OpenedWal>;

  /**
   * Reads the identity record of a log: the bytes that `writeIdentity` wrote last, or `undefined`
   * when there are none or when there is no log. The log need not be open.
   *
   * Rejects with `WAL_CORRUPT` when the record is damaged, `WAL_VERSION` when a newer release wrote
   * it, `WAL_READ_FAILED`, `WAL_PERMISSION`.
   */
  readIdentity(options?: GroupOptions): Promise<Uint8Array | undefined>;

  /**
   * Replaces the identity record of a log that this manager has open. The record is opaque bytes,
   * at most 65,536, stored beside the log. They are copied before the call returns. When the
   * promise resolves, the new bytes survive any crash; after an earlier crash either the old or the
   * new bytes are there, whole. Two calls for one group take effect in the order in which they were
   * made.
   *
   * Rejects with `WAL_INVALID`, `WAL_NOT_FOUND` when there is no log, `WAL_CLOSED` when this
   * manager does not have it open, `WAL_POISONED` when it accepts no more writes. When the disk
   * fails, the call rejects with `WAL_NO_SPACE`, `WAL_PERMISSION` or `WAL_WRITE_FAILED`, and the
   * log stays usable; when the write to a database fails, all logs of the database are poisoned
   * (`WAL_POISONED`). After a failure either the old or the new bytes are there: write the record
   * again.
   */
  writeIdentity(bytes: Uint8Array, options?: GroupOptions): Promise<void>;

  /** Closes all logs and unlocks the directory. A second call returns the same promise. */
  close(): Promise<void>;
}

/** A back end, as the builder, the tools and other packages use it. */
export interface WalBackend<Options extends object = object> {
  /** The names of the WAL type. The first one is canonical, the others are documented synonyms. */
  readonly types: readonly [string, ...string[]];
  readonly capabilities: WalCapabilities;
  /**
   * Opens `directory`, an absolute path, which is created when it is missing. Nothing else is
   * touched until a log is created or opened.
   */
  open(directory: string, options?: Options): Promise<WalManager>;
}
