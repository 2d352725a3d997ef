/**
 * The `WAL` type of etcd's package `server/storage/wal`: create, open at a snapshot, `ReadAll`,
 * `Save`, `SaveSnapshot` and cut, with all 64 bits of each number and arbitrary metadata. The same
 * calls write the same bytes as etcd. It does not check the saved data, keeps no index, and
 * `readAll` returns all entries at once; use `EtcdWalManager` for a log with the contract of
 * wal-core. Each call must be awaited before the next one. After a failed write, even on a full
 * disk, nothing more is written, and the log must be opened again.
 */
import {
  guardedEnvironment,
  nodeEnvironment,
  type DirectoryLock,
  type Environment,
} from '@babuza/vfs';
import {
  AlreadyExistsError,
  ClosedError,
  InvalidArgumentError,
  NotFoundError,
  TooLargeError,
  WriteFailedError,
  type CorruptError,
} from '@babuza/wal-core';
import {
  closeSegments,
  commitFailure,
  readFailure,
  refuseOtherKinds,
  SpareFiles,
  translating,
} from '@babuza/wal-files';
import { frameBytes, paddingOf } from './format/frame.ts';
import {
  lengthFieldBytes,
  recordBytesLimit34,
  recordOverheadBytes,
  RecordType,
  segmentBytesDefault,
} from './format/layout.ts';
import {
  encodeEtcdEntry,
  encodeEtcdHardState,
  encodeEtcdSnapshot,
  type EtcdEntry,
  type EtcdHardState,
  type EtcdSnapshot,
} from './format/messages.ts';
import { spareNames } from './format/segment-name.ts';
import { appendPointOf, leftoverBytes, makeTailDurable } from './recovery/append-point.ts';
import { hasSegments, listSegments, segmentsFrom } from './recovery/list-segments.ts';
import { noHardState, ReadLog, visitRecords } from './recovery/read-all.ts';
import { refuseRunningEtcd } from './segment/foreign-lock.ts';
import { segmentOf, type OpenSegment } from './segment/segment.ts';
import { createLog } from './writer/create-log.ts';
import { ETCDWal } from './wal-type.ts';
import { WalWriter, type WalWriterParts } from './writer/wal-writer.ts';

export interface RawWalOptions {
  /** The nominal size of a segment in bytes, at least 4,096. Default 64,000,000, as in etcd. */
  readonly segmentBytes?: number | undefined;
  /**
   * The exclusive limit of the size of a record in bytes, including padding. Default 10 MiB: etcd
   * 3.4 writes larger records but cannot read them; later versions can.
   */
  readonly recordBytesLimit?: number | undefined;
  /**
   * Whether normal entries are written without their type, as etcd does since 3.7. Every version
   * reads both forms. Default false.
   */
  readonly omitsNormalType?: boolean | undefined;
  /** File system, clock and random numbers. Default: those of Node.js. */
  readonly environment?: Environment | undefined;
}

/** The result of `readAll`. */
export interface ReadAllResult {
  readonly metadata: Uint8Array | undefined;
  readonly hardState: EtcdHardState;
  readonly entries: readonly EtcdEntry[];
  /**
   * With `ErrSliceOutOfRange` the result has the hard state and the entries before the error; with
   * `ErrSnapshotNotFound` it is complete. Every other error is thrown.
   */
  readonly error: CorruptError | undefined;
}

export class RawWal {
  readonly #parts: WalWriterParts;
  readonly #recordBytesLimit: number;
  readonly #omitsNormalType: boolean;
  readonly #lock: DirectoryLock;
  /** The open segments. The writer appends to the last one. */
  readonly #segments: OpenSegment[];
  readonly #snapshot: { readonly index: bigint; readonly term: bigint };
  #writer: WalWriter | undefined;
  #hardState: EtcdHardState = noHardState;
  #lastIndex = 0n;
  #durable = true;
  /** The error of the first failed write. */
  #failure: unknown;
  #closing: Promise<void> | undefined;

  private constructor(
    parts: WalWriterParts,
    options: RawWalOptions,
    lock: DirectoryLock,
    segments: readonly OpenSegment[],
    snapshot: { readonly index: bigint; readonly term: bigint },
    writer: WalWriter | undefined,
  ) {
    this.#parts = parts;
    this.#recordBytesLimit = options.recordBytesLimit ?? recordBytesLimit34;
    this.#omitsNormalType = options.omitsNormalType ?? false;
    this.#lock = lock;
    this.#segments = [...segments];
    this.#snapshot = snapshot;
    this.#writer = writer;
  }

  /**
   * Creates a log durably, with a snapshot record of index 0. A missing directory is created.
   *
   * @throws AlreadyExistsError when there is a segment, ForeignFileError when there is a log of
   * another kind, LockedError, NoSpaceError, PermissionError
   */
  static async create(
    directory: string,
    metadata: Uint8Array | undefined,
    options: RawWalOptions = {},
  ): Promise<RawWal> {
    const parts = partsOf(directory, metadata, options);
    const { fileSystem } = parts.environment;
    await translating(readFailure, async () => {
      await refuseOtherKinds(fileSystem, directory, ETCDWal);
      await fileSystem.makeDirectory(directory);
    });
    if (await translating(readFailure, () => hasSegments(fileSystem, directory))) {
      throw new AlreadyExistsError(`there is a log in ${directory} already`);
    }
    const lock = await translating(readFailure, () => fileSystem.lock(directory));
    try {
      const writer = await createLog(parts);
      const snapshot = { index: 0n, term: 0n };
      return new RawWal(parts, options, lock, [writer.segment], snapshot, writer);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Opens a log at a snapshot, for reading and, after `readAll`, for writing. Index and term 0
   * stand for the beginning.
   *
   * @throws NotFoundError, CorruptError (`missing-segment`), ForeignFileError (a log of another
   * kind), LockedError
   */
  static async open(
    directory: string,
    snapshot: { readonly index: bigint; readonly term: bigint } = { index: 0n, term: 0n },
    options: RawWalOptions = {},
  ): Promise<RawWal> {
    const parts = partsOf(directory, undefined, options);
    const { fileSystem } = parts.environment;
    if ((await translating(readFailure, () => fileSystem.kindOf(directory))) === undefined) {
      throw new NotFoundError(`there is no directory ${directory}`);
    }
    await translating(readFailure, () => refuseOtherKinds(fileSystem, directory, ETCDWal));
    const lock = await translating(readFailure, () => fileSystem.lock(directory));
    const opened: OpenSegment[] = [];
    try {
      return await translating(readFailure, async () => {
        const names = await listSegments(fileSystem, directory);
        if (names.length === 0) throw new NotFoundError(`there is no log in ${directory}`);
        for (const name of segmentsFrom(directory, names, snapshot.index)) {
          const path = `${directory}/${name.fileName}`;
          await refuseRunningEtcd(fileSystem, path);
          opened.push(segmentOf(path, name, await fileSystem.open(path, 'write')));
        }
        return new RawWal(parts, options, lock, opened, snapshot, undefined);
      });
    } catch (error) {
      await closeSegments(opened).catch(() => undefined);
      await lock.release();
      throw error;
    }
  }

  /**
   * Reads all records, and prepares the log for writing: the bytes after the last record are
   * overwritten with zeros. It must be the first call after `open`. A second call throws, like
   * etcd's `ErrDecoderNotFound`.
   *
   * @throws CorruptError whose `verdict` is etcd's name of the error; then nothing was changed
   */
  async readAll(): Promise<ReadAllResult> {
    if (this.#writer !== undefined)
      throw new InvalidArgumentError(
        'readAll was called before: open the log again to read it again',
      );
    return translating(readFailure, async () => {
      const log = new ReadLog(this.#snapshot, true);
      const { last, scan, error } = await visitRecords(this.#segments, log);
      const { hardState, entries } = log;
      if (error?.verdict === 'ErrSliceOutOfRange') {
        return { metadata: undefined, hardState, entries, error };
      }
      if (error !== undefined) throw error;
      const leftover = await leftoverBytes(last.file, scan.validEnd);
      await translating(commitFailure, () => makeTailDurable(last.file, scan.validEnd, leftover));
      const parts = { ...this.#parts, metadata: log.metadata };
      this.#writer = new WalWriter(parts, appendPointOf(last, scan));
      this.#lastIndex = log.lastIndex;
      return { metadata: log.metadata, hardState, entries, error: undefined };
    });
  }

  /**
   * Appends the entries and then the hard state, unless it is all zeros. When the call resolves,
   * they are durable if there are entries, or if term or vote have changed. A commit index alone
   * may stay in memory.
   *
   * @throws TooLargeError when a record would reach the limit; then nothing was appended
   */
  async save(hardState: EtcdHardState, entries: readonly EtcdEntry[]): Promise<void> {
    const { term, vote, commit } = hardState;
    const hasState = term !== 0n || vote !== 0n || commit !== 0n;
    if (!hasState && entries.length === 0) return;
    const encoded = entries.map((entry) => encodeEtcdEntry(entry, this.#omitsNormalType));
    for (const data of encoded) this.#checkSize(data);
    const writer = this.#ready();
    for (const data of encoded) writer.add(RecordType.Entry, data);
    this.#lastIndex = entries.at(-1)?.index ?? this.#lastIndex;
    const before = this.#hardState;
    if (hasState) {
      writer.add(RecordType.State, encodeEtcdHardState(hardState));
      this.#hardState = hardState;
    }
    const mustSync =
      entries.length > 0 || (hasState && (vote !== before.vote || term !== before.term));
    if (writer.isFull) await this.cut();
    else if (mustSync) await this.#flush();
    else await this.#writing(() => writer.flushPages());
  }

  /**
   * Appends a snapshot record. It is durable when the call resolves. Since 3.5, etcd needs the
   * membership if the index is not 0.
   */
  async saveSnapshot(snapshot: EtcdSnapshot): Promise<void> {
    const data = encodeEtcdSnapshot(snapshot);
    this.#checkSize(data);
    this.#ready().add(RecordType.Snapshot, data);
    if (snapshot.index > this.#lastIndex) this.#lastIndex = snapshot.index;
    await this.#flush();
  }

  /** Ends the segment and begins the next one. Everything is durable when the call resolves. */
  async cut(): Promise<void> {
    const writer = this.#ready();
    const { term, vote, commit } = this.#hardState;
    const hasState = term !== 0n || vote !== 0n || commit !== 0n;
    const next = {
      firstIndex: this.#lastIndex + 1n,
      hardState: hasState ? encodeEtcdHardState(this.#hardState) : undefined,
    };
    await this.#writing(async () => {
      // The new segment is open after the cut, even if the lock turns out to be lost.
      await writer.cut(next, this.#durable);
      this.#segments.push(writer.segment);
    });
  }

  /** Everything is durable when the call resolves. */
  async sync(): Promise<void> {
    await this.#flush();
  }

  /** Turns syncs of the file contents off from now on. The bytes do not change. */
  setUnsafeNoFsync(): void {
    this.#durable = false;
  }

  /**
   * Makes everything durable, and closes the files and the lock. The last segment keeps its length.
   * A second call returns the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const writer = this.#writer;
    try {
      await this.#parts.spares.close();
      if (writer !== undefined && this.#failure === undefined) {
        await translating(commitFailure, () => writer.flush(true));
      }
    } finally {
      await closeSegments(this.#segments).catch(() => undefined);
      await translating(commitFailure, () => this.#lock.release());
    }
  }

  #flush(): Promise<void> {
    const writer = this.#ready();
    return this.#writing(() => writer.flush(this.#durable));
  }

  /**
   * After a failed write a part of its records may be in the file, and the checksum of a new record
   * would not follow them. So nothing may be written afterwards.
   */
  async #writing(write: () => Promise<void>): Promise<void> {
    try {
      await translating(commitFailure, async () => {
        await write();
        // The write only succeeded if this process still owns the log.
        if (!this.#lock.isFresh()) await this.#lock.confirm();
      });
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }

  #ready(): WalWriter {
    if (this.#closing !== undefined) throw new ClosedError('the log');
    if (this.#failure !== undefined) {
      throw new WriteFailedError(
        'an earlier write to the log failed: open the log again',
        this.#failure,
      );
    }
    if (this.#writer === undefined)
      throw new InvalidArgumentError('the log must be read with readAll before it is written');
    return this.#writer;
  }

  #checkSize(data: Uint8Array): void {
    const bytes = recordOverheadBytes + data.length;
    if (bytes + paddingOf(bytes) < this.#recordBytesLimit) return;
    throw new TooLargeError(
      'a record',
      frameBytes(bytes) - lengthFieldBytes,
      this.#recordBytesLimit,
    );
  }
}

function partsOf(
  directory: string,
  metadata: Uint8Array | undefined,
  options: RawWalOptions,
): WalWriterParts {
  const { segmentBytes = segmentBytesDefault } = options;
  const environment = guardedEnvironment(options.environment ?? nodeEnvironment());
  const spares = new SpareFiles(environment, directory, spareNames, 0);
  return { environment, directory, segmentBytes, metadata, spares };
}
