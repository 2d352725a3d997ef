/**
 * The storage of snapshots. A snapshot is a set of named files, with metadata that has its index
 * and term. It exists whole and durable, or not at all; every byte is covered by a checksum.
 *
 * Decisions: docs/decisions/0024-snapshots-before-their-records.md and
 * docs/decisions/0028-transport-port.md.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';

/** A snapshot that exists. */
export interface StoredSnapshot {
  readonly metadata: SnapshotMetadata;
  /**
   * Identifies the snapshot, also across nodes: the same content of the same index has the same id.
   */
  readonly id: string;
  /** The size of all files together, as stored, in bytes: the length of the stream of `send`. */
  readonly bytes: number;
  /**
   * The data of a Raft snapshot message: version, id, files with sizes and checksums. It never has
   * the state itself.
   */
  readonly manifest: Uint8Array;
  /**
   * Paths of linked files, which lie outside of the snapshot folder; see `SnapshotFiles.linkFile`.
   * Their owner must not change them while a listed or open snapshot names them.
   */
  readonly linkedPaths: readonly string[];
}

/** Takes the files of a snapshot that is being made. */
export interface SnapshotFiles {
  /**
   * Writes one whole file. Names consist of letters, digits, `.`, `_`, `-`, at most 64, and are
   * unique.
   */
  writeFile(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /**
   * Adds a file at an absolute path outside of the snapshot folder, without copying it. The file is
   * read once, for its size and checksums, and made durable. Its owner must not change or remove it
   * while the snapshot exists, because that would damage the snapshot. A receiver of the snapshot
   * gets its content. Managers that keep snapshots elsewhere than on the disk of this path refuse
   * it (`SNAPSHOT_INVALID`).
   */
  linkFile(name: string, path: string): Promise<void>;
}

/** A snapshot that is open for reading. */
export interface OpenSnapshot extends AsyncDisposable {
  readonly snapshot: StoredSnapshot;
  /** Ascending. */
  readonly fileNames: readonly string[];
  /**
   * The content of a file. Each chunk is checked before it is handed out, and the hash of the whole
   * file is compared at the end, so the content is complete only when the iteration ends without an
   * error. `SNAPSHOT_CORRUPT`: call `verify`, which sets a damaged snapshot aside, and use another
   * one. `SNAPSHOT_TRY_AGAIN`: the system is short of something. The node reads the same file again
   * from its beginning, after a pause.
   */
  readFile(name: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface SnapshotManager extends AsyncDisposable {
  /** Whether snapshots survive a restart. */
  readonly durable: boolean;

  /**
   * Prepares the storage: removes leftovers of interrupted work and sets damaged snapshots aside.
   * To be called once, first. Returns the snapshots, ascending by index. Files are checked by their
   * sizes only; see `verify`. A snapshot of a newer release is an error (`SNAPSHOT_VERSION`): to
   * skip it could mean an older state than the log begins with.
   */
  open(groupId: bigint): Promise<readonly StoredSnapshot[]>;

  /**
   * Calls `listener` once when another process has taken over the folder of snapshots
   * (`SNAPSHOT_LOCK_LOST`). The manager then changes nothing there any more, and the node stops. To
   * be called when the manager is open. Absent when no other process can reach the snapshots.
   */
  onLost?(listener: (error: Error) => void): void;

  /** The snapshots that exist, ascending by index. */
  list(): readonly StoredSnapshot[];

  /**
   * Makes a snapshot: `write` writes its files. It is durable when this resolves. When `write`
   * fails or the signal fires, nothing of it remains. A snapshot that exists with this index and
   * term is kept and returned, and `write` is not called. Rejects with the error of `write`, with
   * the reason of the signal, or with the failure of a file, even when `write` has ignored that
   * failure.
   */
  create(
    metadata: SnapshotMetadata,
    write: (files: SnapshotFiles) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot>;

  /**
   * Opens a snapshot for reading and pins it: `retain` does not remove it before it is closed.
   * Rejects with `SNAPSHOT_NOT_FOUND`, or with `SNAPSHOT_TRY_AGAIN`, after which a running node
   * makes the call again. Damage is reported when the files are read.
   */
  read(at: Pick<SnapshotMetadata, 'index' | 'term'>): Promise<OpenSnapshot>;

  /**
   * Compares all files with their checksums. Returns false when the snapshot is damaged or gone; a
   * damaged one is set aside and not listed any more. A failure to read rejects, because it does
   * not show whether the snapshot is damaged.
   */
  verify(at: Pick<SnapshotMetadata, 'index' | 'term'>): Promise<boolean>;

  /**
   * Streams a snapshot as bytes, from `offset` on, to be given to `receive` of another node. Every
   * chunk is checked before it is handed out. The snapshot is pinned from the first requested chunk
   * until the stream ends or is returned, or the signal fires. Hold it open with `read` to pin it
   * before that and between two streams.
   */
  send(
    at: Pick<SnapshotMetadata, 'index' | 'term'>,
    offset?: number,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array>;

  /**
   * How many bytes of the stream of this manifest are stored here: all of it, or what an
   * interrupted `receive` has left and was checked again. Rejects with `SNAPSHOT_BUSY` while it is
   * being received.
   */
  received(manifest: Uint8Array): Promise<number>;

  /**
   * Receives a snapshot from a stream that begins at the offset that `received` returned. It is
   * durable when this resolves. A stream that does not match the manifest is refused
   * (`SNAPSHOT_CORRUPT`). A snapshot that exists already is kept, and the stream is not read. After
   * an abort, or when the stream fails or ends early, the bytes that have arrived are kept for the
   * next attempt; after wrong bytes or a disk failure they are removed. A second call for the same
   * snapshot at the same time is refused (`SNAPSHOT_BUSY`).
   */
  receive(
    metadata: SnapshotMetadata,
    manifest: Uint8Array,
    stream: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot>;

  /**
   * Removes all but the newest `count` (at least 1); pinned ones are removed when they are closed.
   */
  retain(count: number): Promise<void>;

  /**
   * Removes a snapshot that is not used any more, once no reader has it open. The newest is refused
   * (`SNAPSHOT_INVALID`) unless `evenNewest` is true, for a received one that no log relies on.
   */
  remove(
    at: Pick<SnapshotMetadata, 'index' | 'term'>,
    options?: { readonly evenNewest?: boolean },
  ): Promise<void>;

  /**
   * Removes every snapshot, the newest included, and then the identity record, durably. It is for
   * an operator who discards snapshots on purpose. While any snapshot is open for reading it
   * rejects with `SNAPSHOT_BUSY` and removes nothing. When the disk fails, some snapshots may be
   * gone and the record is kept: call it again. Snapshots that are being made or received
   * meanwhile, and those that were set aside as damaged, are not touched.
   */
  removeAll(): Promise<void>;

  /**
   * The identity record of this folder of snapshots: the bytes that `writeIdentity` wrote last, or
   * `undefined` when none were written. `retain` and `remove` keep it. Rejects with
   * `SNAPSHOT_CORRUPT` when it is damaged, `SNAPSHOT_VERSION` when a newer release wrote it,
   * `SNAPSHOT_READ_FAILED`.
   */
  readIdentity(): Promise<Uint8Array | undefined>;

  /**
   * Replaces the identity record: opaque bytes, at most 65,536, copied before the call returns.
   * When the promise resolves, any crash leaves the new bytes. A crash before that leaves either
   * the old or the new bytes, complete. Calls take effect in the order in which they were made.
   * Rejects with `SNAPSHOT_INVALID`, `SNAPSHOT_NO_SPACE`, `SNAPSHOT_WRITE_FAILED`; the last two
   * also leave the old or the new bytes.
   */
  writeIdentity(bytes: Uint8Array): Promise<void>;

  /** Closes everything that is open. A second call returns the same promise. */
  close(): Promise<void>;
}
