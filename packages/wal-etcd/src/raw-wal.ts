/**
 * etcd's `WAL` as its own package has it: create, open at a snapshot, `ReadAll`, `Save`,
 * `SaveSnapshot`, cut, with all 64 bits of each number and any metadata. The same calls give the
 * same bytes. It does not check what is saved, keeps no index, and `readAll` returns all entries at
 * once: the log behind the contract is `EtcdWalManager`. Calls must be awaited one after the other.
 * After a write that failed, also for want of space, nothing more is written: the log must be
 * opened again.
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
import { appendPointOf, leftoverBytes, settle } from './recovery/append-point.ts';
import { hasSegments, listSegments, segmentsFrom } from './recovery/list-segments.ts';
import { noHardState, ReadLog, visitRecords } from './recovery/read-all.ts';
import { refuseRunningEtcd } from './segment/foreign-lock.ts';
import { segmentOf, type OpenSegment } from './segment/segment.ts';
import { createLog } from './writer/create-log.ts';
import { ETCDWal } from './wal-type.ts';
import { WalWriter, type WalWriterParts } from './writer/wal-writer.ts';

export interface RawWalOptions {
  /** The nominal size of a segment in bytes; from 4,096. Default: 64,000,000, as etcd. */
  readonly segmentBytes?: number | undefined;
  /**
   * No record may have so many bytes, padding included. Default: 10 MiB, above which etcd 3.4
   * cannot read back what it wrote; later versions can.
   */
  readonly recordBytesLimit?: number | undefined;
  /**
   * Normal entries are written without their type, as etcd does from 3.7 on; every version reads
   * both forms. Default: false.
   */
  readonly omitsNormalType?: boolean | undefined;
  /** Default: the world of Node.js. */
  readonly environment?: Environment | undefined;
}

/** What `ReadAll` returns. */
export interface ReadAllResult {
  readonly metadata: Uint8Array | undefined;
  readonly hardState: EtcdHardState;
  readonly entries: readonly EtcdEntry[];
  /**
   * With `ErrSliceOutOfRange` the hard state and the entries before it are there, with
   * `ErrSnapshotNotFound` everything; every other error is thrown.
   */
  readonly error: CorruptError | undefined;
}

export class RawWal {
  readonly #parts: WalWriterParts;
  readonly #recordBytesLimit: number;
  readonly #omitsNormalType: boolean;
  readonly #lock: DirectoryLock;
  /** Those that are open; the last one is the writer's. */
  readonly #segments: OpenSegment[];
  readonly #snapshot: { readonly index: bigint; readonly term: bigint };
  #writer: WalWriter | undefined;
  #hardState: EtcdHardState = noHardState;
  #lastIndex = 0n;
  #durable = true;
  /** Of the first write that failed. */
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
   * Creates a log with a snapshot record of index 0, durably. The directory is made when it is
   * missing.
   *
   * @throws AlreadyExistsError where there is a segment, ForeignFileError where there is a log of
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
   * Opens a log for reading and, after `readAll`, for writing, from a snapshot on; index and term 0
   * are the beginning.
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
   * Reads all records and makes the log ready for writing: what lies behind the last one is made
   * zero. Must be the first call after `open`; the second one is etcd's `ErrDecoderNotFound`.
   *
   * @throws CorruptError with etcd's name of the error as its `verdict`; then nothing was changed
   */
  async readAll(): Promise<ReadAllResult> {
    if (this.#writer !== undefined) throw new InvalidArgumentError('the log was read already');
    return translating(readFailure, async () => {
      const log = new ReadLog(this.#snapshot, true);
      const { last, scan, error } = await visitRecords(this.#segments, log);
      const { hardState, entries } = log;
      if (error?.verdict === 'ErrSliceOutOfRange') {
        return { metadata: undefined, hardState, entries, error };
      }
      if (error !== undefined) throw error;
      const leftover = await leftoverBytes(last.file, scan.validEnd);
      await translating(commitFailure, () => settle(last.file, scan.validEnd, leftover));
      const parts = { ...this.#parts, metadata: log.metadata };
      this.#writer = new WalWriter(parts, appendPointOf(last, scan));
      this.#lastIndex = log.lastIndex;
      return { metadata: log.metadata, hardState, entries, error: undefined };
    });
  }

  /**
   * Adds the entries and then the hard state, unless it is all zeros. Durable after it, where there
   * are entries, or term or vote have changed; a commit index alone is held back.
   *
   * @throws TooLargeError where a record would reach the limit; then nothing was added
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
   * Adds a snapshot record. Durable after it. Etcd from 3.5 on wants the membership where the index
   * is not 0.
   */
  async saveSnapshot(snapshot: EtcdSnapshot): Promise<void> {
    const data = encodeEtcdSnapshot(snapshot);
    this.#checkSize(data);
    this.#ready().add(RecordType.Snapshot, data);
    if (snapshot.index > this.#lastIndex) this.#lastIndex = snapshot.index;
    await this.#flush();
  }

  /** Ends the segment and begins the next one. Durable after it: everything. */
  async cut(): Promise<void> {
    const writer = this.#ready();
    const { term, vote, commit } = this.#hardState;
    const hasState = term !== 0n || vote !== 0n || commit !== 0n;
    const next = {
      firstIndex: this.#lastIndex + 1n,
      hardState: hasState ? encodeEtcdHardState(this.#hardState) : undefined,
    };
    await this.#writing(async () => {
      await writer.cut(next, this.#durable);
      // It is open from here on, also where the lock turns out to be lost.
      this.#segments.push(writer.segment);
    });
  }

  /** Durable after it: everything. */
  async sync(): Promise<void> {
    await this.#flush();
  }

  /** Leaves out the syncs of contents from now on. The bytes are the same. */
  setUnsafeNoFsync(): void {
    this.#durable = false;
  }

  /**
   * Makes everything durable and gives all back. The last segment keeps its length. Twice is
   * harmless.
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

  /** What failed may be half there, and the checksums go on from it: no record may follow. */
  async #writing(write: () => Promise<void>): Promise<void> {
    try {
      await translating(commitFailure, async () => {
        await write();
        // What was written counts only while the log is still this process's.
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
      throw new WriteFailedError('a write has failed: open the log again', this.#failure);
    }
    if (this.#writer === undefined) throw new InvalidArgumentError('the log must be read first');
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
