/**
 * Where snapshots lie. A snapshot is a set of named files and the metadata of its place in the log.
 * It exists whole and durable, or not at all; every byte is covered by a checksum.
 *
 * Decisions: docs/decisions/0024-snapshots-before-their-records.md and
 * docs/decisions/0028-transport-port.md.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';

/** A snapshot that exists. */
export interface StoredSnapshot {
  readonly metadata: SnapshotMetadata;
  /** Names it, also across nodes: the same content of the same index has the same id. */
  readonly id: string;
  /** Of all files together, as stored: the length of the stream of `send`. */
  readonly bytes: number;
  /**
   * What travels in the data of a Raft snapshot: version, id, files with sizes and checksums. Never
   * the state itself.
   */
  readonly manifest: Uint8Array;
  /**
   * Paths of files that belong to it and lie elsewhere: `SnapshotFiles.linkFile`. Their owner keeps
   * them as they are while a snapshot that is listed or open names them.
   */
  readonly linkedPaths: readonly string[];
}

/** Takes the files of a snapshot that is being made. */
export interface SnapshotFiles {
  /** Writes one file, whole. Names: letters, digits, `.`, `_`, `-`, at most 64. No name twice. */
  writeFile(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /**
   * Makes a file that lies elsewhere (absolute path) one of the snapshot, without a copy: it is
   * read once, for its size and checksums, and made durable. Its owner must not change or remove it
   * while the snapshot exists: that would be damage of the snapshot. Who receives the snapshot has
   * its content inside. Managers that keep snapshots elsewhere than on the disk of this path refuse
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
   * The content of a file; each chunk was checked before it is handed out, and the hash of the
   * whole is compared at the end. Only who has come to the end without an error knows all of it.
   * `SNAPSHOT_CORRUPT`: ask `verify`, which sets a damaged snapshot aside, and use another one.
   * `SNAPSHOT_TRY_AGAIN`: the system is short of something. The node reads the same file again from
   * its beginning, after a pause.
   */
  readFile(name: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface SnapshotManager extends AsyncDisposable {
  /** Whether snapshots survive a restart. */
  readonly durable: boolean;

  /**
   * Gets ready: leftovers of interrupted work go, damaged snapshots are set aside. To be called
   * once, first. Returns what there is, ascending by index. Files are looked at by their sizes
   * only: see `verify`. A snapshot of a newer release is an error (`SNAPSHOT_VERSION`): to pass
   * over it could mean an older state than the log begins with.
   */
  open(groupId: bigint): Promise<readonly StoredSnapshot[]>;

  /**
   * Calls `listener` once when the place of the snapshots turns out to belong to somebody else by
   * now (`SNAPSHOT_LOCK_LOST`): the manager changes nothing there any more, and the node stops. To
   * be called when the manager is open. Absent where nobody else can reach the snapshots.
   */
  onLost?(listener: (error: Error) => void): void;

  /** What there is, ascending by index. */
  list(): readonly StoredSnapshot[];

  /**
   * Makes a snapshot: `write` writes its files. It is durable when this resolves; when `write`
   * fails or the signal fires nothing is left of it. One that exists with this index and term is
   * kept and returned, and `write` not called. Rejects with what `write` threw, with the reason of
   * the signal, or with the failure of a file, also where `write` has passed over it.
   */
  create(
    metadata: SnapshotMetadata,
    write: (files: SnapshotFiles) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot>;

  /**
   * Opens a snapshot for reading and pins it: it stays until it is closed, whatever `retain` says.
   * Rejects with `SNAPSHOT_NOT_FOUND`, or `SNAPSHOT_TRY_AGAIN`: a running node makes the call again
   * then. Damage is told by the files.
   */
  read(at: Pick<SnapshotMetadata, 'index' | 'term'>): Promise<OpenSnapshot>;

  /**
   * Reads all files against their checksums. False when it is damaged or gone; a damaged one is set
   * aside and not listed any more. A disk that would not read rejects: nothing is known then.
   */
  verify(at: Pick<SnapshotMetadata, 'index' | 'term'>): Promise<boolean>;

  /**
   * A snapshot as one stream of bytes, from `offset` on, to be given to `receive` elsewhere. Every
   * chunk is checked before it goes out. It pins the snapshot from the first chunk that is asked
   * for until the stream ends or is returned, or the signal fires; hold it open with `read` to have
   * it pinned before and between.
   */
  send(
    at: Pick<SnapshotMetadata, 'index' | 'term'>,
    offset?: number,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array>;

  /**
   * How much of the snapshot of this manifest is here, in bytes of the stream: what an interrupted
   * `receive` has left and was checked again, or all of it. Rejects with `SNAPSHOT_BUSY` while it
   * is being received.
   */
  received(manifest: Uint8Array): Promise<number>;

  /**
   * Takes a snapshot from a stream that begins where `received` says. Durable when this resolves.
   * It refuses what is not that of the manifest (`SNAPSHOT_CORRUPT`). One that exists already is
   * kept, and the stream is not read. After an abort, or when the stream fails or ends early, what
   * has arrived is kept for the next attempt; wrong bytes and a failing disk drop it. A second one
   * of the same snapshot at the same time is refused (`SNAPSHOT_BUSY`).
   */
  receive(
    metadata: SnapshotMetadata,
    manifest: Uint8Array,
    stream: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot>;

  /** Removes all but the newest `count` (at least 1); pinned ones go when they are closed. */
  retain(count: number): Promise<void>;

  /**
   * Removes one that is of no use any more, when nobody has it open. The newest is refused
   * (`SNAPSHOT_INVALID`) unless `evenNewest` is true: it was received, and no log relies on it.
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
   * `undefined` where none were written. `retain` and `remove` keep it. Rejects with
   * `SNAPSHOT_CORRUPT` when it is damaged, `SNAPSHOT_VERSION` when a newer release wrote it,
   * `SNAPSHOT_READ_FAILED`.
   */
  readIdentity(): Promise<Uint8Array | undefined>;

  /**
   * Replaces the identity record: opaque bytes, at most 65,536, copied before the call returns.
   * When the promise resolves, the new bytes are there after any crash; after a crash before that,
   * either the old or the new bytes are there, whole. Calls take effect in the order in which they
   * were made. Rejects with `SNAPSHOT_INVALID`, `SNAPSHOT_NO_SPACE`, `SNAPSHOT_WRITE_FAILED`; after
   * the last two the old or the new bytes are there.
   */
  writeIdentity(bytes: Uint8Array): Promise<void>;

  /** Ends everything that is open. A second call returns the same promise. */
  close(): Promise<void>;
}
