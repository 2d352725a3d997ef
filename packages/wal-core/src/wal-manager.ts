/**
 * The contract of a place that holds logs: a directory, or a database. It says whether there is a log,
 * creates it, and opens it again. One manager at a time owns a place. Every call takes the id of the
 * Raft group whose log is meant, `0n` by default.
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
}

/** Metadata as callers give it: ids may be safe integers, the limit may be left out. */
export interface WalMetadataInput {
  readonly clusterId: bigint | number;
  readonly nodeId: bigint | number;
  readonly entryBytesMax?: number | undefined;
  readonly extra?: Uint8Array | undefined;
}

export interface GroupOptions {
  /** The Raft group whose log is meant, from 0 to 2^64 − 1. Default `0n`. */
  readonly groupId?: bigint | number | undefined;
}

export interface ReplayOptions extends GroupOptions {
  /**
   * The snapshot to start from: one that `findSnapshots` lists, by index and term. Default: the newest
   * of them, or none. Give an older one when the files of the newest are damaged.
   */
  readonly snapshot?: Pick<SnapshotMetadata, 'index' | 'term'> | undefined;
  /**
   * Durably drops all entries above the commit index (never at or below the snapshot). The commit
   * index alone is not synced, so this can drop committed entries after a crash: it is for recovery
   * by decision, not for ordinary starts. Default false.
   */
  readonly discardUncommitted?: boolean | undefined;
  /** What the metadata must be; a difference is refused with `WAL_METADATA_MISMATCH`. */
  readonly expect?: Partial<Omit<WalMetadataInput, 'extra'>> | undefined;
}

/**
 * What recovery found behind the last whole batch.
 *
 * - `clean`: nothing.
 * - `torn`: a batch that a crash interrupted. It was never acknowledged; it was cut.
 * - `uncertain`: the very last batch was damaged, by a crash while it was written or by rot after it
 *   was acknowledged, and nothing behind it can tell which. It was cut; the index range is what it held.
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

  /** Whether there is a log, also one whose entries are all purged: nobody bootstraps over data. */
  hasExistingWal(options?: GroupOptions): Promise<boolean>;

  /**
   * Creates a log, durably, and opens it.
   *
   * Rejects with `WAL_EXISTS` when there is one, `WAL_LOCKED`, `WAL_INVALID`, `WAL_PERMISSION`,
   * `WAL_NO_SPACE`, `WAL_TRY_AGAIN`.
   */
  createWal(metadata: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal>;

  /**
   * The snapshot markers that a start is possible from: index not above the commit index and not
   * before the start of the log; ascending. Nothing is changed. A torn tail does not matter.
   *
   * Rejects with `WAL_NOT_FOUND` when there is no log, `WAL_CORRUPT` when it is damaged, `WAL_TRY_AGAIN`
   * when the system was short of something: nothing is known then, and the call may be made again.
   */
  findSnapshots(options?: GroupOptions): Promise<SnapshotMetadata[]>;

  /**
   * Recovers the log and opens it. A torn tail is cut and reported; damage to what had been durable is
   * refused with `WAL_CORRUPT`, and then nothing is changed. The entries before the snapshot that
   * have not been purged stay readable.
   *
   * Rejects with `WAL_NOT_FOUND` (no log, or no such snapshot), `WAL_LOCKED`, `WAL_METADATA_MISMATCH`,
   * `WAL_FOREIGN`, `WAL_VERSION`, `WAL_PERMISSION`, `WAL_READ_FAILED`, `WAL_CORRUPT`.
   */
  replayWal(options?: ReplayOptions): Promise<OpenedWal>;

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
