/**
 * Where snapshots lie. A snapshot is a set of named files and the metadata of its place in the log. It exists
 * whole and durable, or not at all; every byte is covered by a checksum.
 *
 * Decisions: the project's contract, 8 to 10 and 33.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';

/** A snapshot that exists. */
export interface StoredSnapshot {
  readonly metadata: SnapshotMetadata;
  /** Names it, also across nodes: the same content of the same index has the same id. */
  readonly id: string;
  /** Of all files together, as stored. */
  readonly bytes: number;
  /**
   * What travels in the data of a Raft snapshot: version, id, files with sizes and checksums. Never the state
   * itself.
   */
  readonly manifest: Uint8Array;
}

/** Takes the files of a snapshot that is being made. */
export interface SnapshotFiles {
  /** Writes one file, whole. Names: letters, digits, `.`, `_`, `-`, at most 64. No name twice. */
  writeFile(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
}

/** A snapshot that is open for reading. */
export interface OpenSnapshot extends AsyncDisposable {
  readonly snapshot: StoredSnapshot;
  /** Ascending. */
  readonly fileNames: readonly string[];
  /** The content of a file; each chunk was checked before it is handed out. */
  readFile(name: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface SnapshotManager extends AsyncDisposable {
  /** Whether snapshots survive a restart. */
  readonly durable: boolean;

  /**
   * Gets ready: leftovers of interrupted work go, damaged snapshots are set aside. To be called once, first.
   * Returns what there is, ascending by index.
   */
  open(groupId: bigint): Promise<readonly StoredSnapshot[]>;

  /** What there is, ascending by index. */
  list(): readonly StoredSnapshot[];

  /**
   * Makes a snapshot: `write` writes its files. It is durable when this resolves; when `write` fails or the signal
   * fires nothing is left of it. One that exists with this index and term is kept and returned.
   */
  create(
    metadata: SnapshotMetadata,
    write: (files: SnapshotFiles) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot>;

  /**
   * Opens a snapshot for reading and pins it: it stays until it is closed, whatever `retain` says.
   * Rejects with `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_CORRUPT`.
   */
  read(at: Pick<SnapshotMetadata, 'index' | 'term'>): Promise<OpenSnapshot>;

  /** Reads all files against their checksums. False when it is damaged or gone. */
  verify(at: Pick<SnapshotMetadata, 'index' | 'term'>): Promise<boolean>;

  /**
   * A snapshot as one stream of bytes, from `offset` on, to be given to `receive` elsewhere. It pins the snapshot
   * until the stream ends or is returned.
   */
  send(at: Pick<SnapshotMetadata, 'index' | 'term'>, offset?: number): AsyncIterable<Uint8Array>;

  /** How much of the snapshot of this manifest an interrupted `receive` has left here, in bytes of the stream. */
  received(manifest: Uint8Array): Promise<number>;

  /**
   * Takes a snapshot from a stream that begins where `received` says. Durable when this resolves. It refuses what
   * is not that of the manifest (`SNAPSHOT_CORRUPT`). One that exists already is kept, and the stream is not read.
   */
  receive(
    metadata: SnapshotMetadata,
    manifest: Uint8Array,
    stream: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot>;

  /** Removes all but the newest `count` (at least 1); pinned ones go when they are closed. */
  retain(count: number): Promise<void>;

  /** Removes one that is of no use any more. */
  remove(at: Pick<SnapshotMetadata, 'index' | 'term'>): Promise<void>;

  /** Ends everything that is open. A second call returns the same promise. */
  close(): Promise<void>;
}
