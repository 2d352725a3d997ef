/**
 * The folder of one group: the names in it, their meaning, and every durable step that changes
 * them.
 *
 * - `<index>-<term>`: a snapshot. It gets this name when it is complete and durable.
 * - `….tmp`: a snapshot that is being made. `….gone`: one that is being removed. The next opening
 *   removes both.
 * - `<id>.part`: an interrupted transfer that can be continued.
 * - `….damaged`: a damaged snapshot, set aside for people and never read again.
 * - `IDENTITY`: the identity record, which says what the snapshots belong to.
 *
 * Errors are `FileError`s of the disk, and errors of the format.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import {
  FileError,
  GuardedFileSystem,
  readRecord,
  removeRecord,
  writeRecord,
  type DirectoryEntry,
  type DirectoryLock,
  type FileSystem,
} from '@babuza/vfs';
import { FileChunks } from './format/chunk.ts';
import {
  decodeMetadataFile,
  encodeMetadataFile,
  metadataFileBytesMax,
  type SnapshotContents,
} from './format/metadata-file.ts';
import { ChunkReader } from './files/chunk-reader.ts';
import { entryKind, removeTree } from './remove-tree.ts';
import { corrupt, lockFailure, SnapshotError } from './snapshot-error.ts';

export type SnapshotPosition = Pick<SnapshotMetadata, 'index' | 'term'>;

/** As many digits as a number of 53 bits needs, so that names sort like numbers. */
const digits = 16;
const snapshotPattern = /^(\d{16})-(\d{16})$/;
const leftoverPattern = /\.(?:tmp|gone)$/;
const incomingPattern = /^[0-9a-f]{64}\.part$/;
const damagedPattern = /^\d{16}-\d{16}\.damaged$/;
const metadataName = 'snapshot';
/**
 * An interrupted write leaves a file that matches `leftoverPattern` and is removed with the
 * leftovers.
 */
const identityName = 'IDENTITY';
/** How many damaged snapshots are kept. More would fill a failing disk. */
const damagedKept = 2;

export interface FoundNames {
  readonly snapshots: readonly string[];
  readonly leftovers: readonly string[];
  readonly incoming: readonly string[];
}

export class SnapshotFolder {
  /** Refuses every change once the lock of the folder is lost. */
  readonly fileSystem: GuardedFileSystem;
  /** The file system of files outside the snapshots. Absent if there are none. */
  readonly outside: FileSystem | undefined;
  readonly groupId: bigint;
  readonly path: string;
  /** Snapshots that were renamed for their removal, and whose new name may not be durable. */
  readonly #unsyncedRemovals: Set<string> = new Set();
  #lock: DirectoryLock | undefined;
  /**
   * The folders that this process has started to fill, by name. Each has a view of the file system
   * that remembers syncs that failed since then, because any of them may have dropped the folder's
   * name.
   */
  readonly #begun = new Map<string, GuardedFileSystem>();

  constructor(
    fileSystem: FileSystem,
    outside: FileSystem | undefined,
    directory: string,
    groupId: bigint,
  ) {
    this.fileSystem = new GuardedFileSystem(fileSystem);
    this.outside = outside;
    this.groupId = groupId;
    this.path = `${directory}/group-${groupId.toString(16).padStart(digits, '0')}`;
  }

  /**
   * Creates the folder durably and takes its lock. Without the lock two managers would remove each
   * other's work.
   */
  async prepare(): Promise<void> {
    await this.fileSystem.makeDirectory(this.path);
    this.#lock = await this.fileSystem.lock(this.path);
    // After this sync every name that is read next is durable, and so are the renames of
    // interrupted removals. A crash before it leaves the same names, or those before the last step
    // of the earlier process.
    await this.fileSystem.syncDirectory(this.path);
  }

  /** Calls `listener` once with `SNAPSHOT_LOCK_LOST` when the lock is found lost. */
  onLost(listener: (error: Error) => void): void {
    this.#lock?.onLost((error) => {
      listener(lockFailure(error) ?? error);
    });
  }

  async release(): Promise<void> {
    await this.#lock?.release();
  }

  async find(): Promise<FoundNames> {
    const entries = await this.fileSystem.list(this.path);
    const folders = entries.filter(({ kind }) => kind === 'directory');
    return {
      // A file or a link is not a snapshot. Others may remove what a link points to.
      snapshots: namesLike(snapshotPattern, folders),
      leftovers: namesLike(leftoverPattern, entries),
      incoming: namesLike(incomingPattern, folders),
    };
  }

  nameOf({ index, term }: SnapshotPosition): string {
    return `${String(index).padStart(digits, '0')}-${String(term).padStart(digits, '0')}`;
  }

  pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  filePath(name: string, number: number): string {
    return `${this.pathOf(name)}/file-${String(number).padStart(4, '0')}`;
  }

  /**
   * Reads the metadata of a snapshot or of an interrupted transfer, and checks that it is
   * consistent.
   */
  async readContents(name: string): Promise<SnapshotContents> {
    const path = `${this.pathOf(name)}/${metadataName}`;
    const file = await this.fileSystem.open(path, 'read');
    try {
      const bytes = await file.size();
      if (bytes > metadataFileBytesMax) {
        throw corrupt(`the file has ${bytes} bytes, at most ${metadataFileBytesMax} are allowed`, {
          file: path,
          offset: 0,
        });
      }
      const content = new Uint8Array(bytes);
      const got = await file.read(content, 0);
      return decodeMetadataFile(content.subarray(0, got), this.groupId, path);
    } finally {
      await file.close();
    }
  }

  /**
   * Reads the contents of a snapshot and checks that its files exist with the right sizes. The
   * bytes of the files are not read.
   */
  async load(name: string): Promise<SnapshotContents> {
    const contents = await this.readContents(name);
    const expected = this.nameOf(contents.metadata);
    if (name !== expected) {
      const details = { file: this.pathOf(name), offset: 0, expected, got: name };
      throw corrupt('the folder has the name of another snapshot', details);
    }
    for (const [at] of contents.locations.entries()) {
      const reader = await this.openFile(name, contents, at);
      try {
        await reader.checkSizes();
      } finally {
        await reader.close();
      }
    }
    return contents;
  }

  /** Opens a file of a snapshot by its number in the manifest. */
  async openFile(name: string, contents: SnapshotContents, at: number): Promise<ChunkReader> {
    const entry = contents.manifest.files[at];
    const location = contents.locations[at];
    if (entry === undefined || location === undefined)
      throw new RangeError(`there is no file ${at}`);
    const chunks = new FileChunks(contents.metadata, contents.manifest, entry);
    const inside = { fileSystem: this.fileSystem, path: this.filePath(name, location.number) };
    if (location.outside === undefined) return ChunkReader.open(chunks, inside);
    if (this.outside === undefined) {
      throw corrupt('this manager has no file system for files outside of snapshots', {
        file: location.outside,
        offset: 0,
      });
    }
    return ChunkReader.open(chunks, inside, { fileSystem: this.outside, path: location.outside });
  }

  /** Creates the folder of an unfinished snapshot. It is not durable. */
  async begin(name: string): Promise<void> {
    this.#begun.set(name, this.fileSystem.fromNow());
    await this.fileSystem.makeDirectory(this.pathOf(name));
  }

  /** Writes the metadata into a folder, and makes it and the names in the folder durable. */
  async writeContents(name: string, contents: SnapshotContents): Promise<void> {
    await this.#writeMetadata(name, contents, 'create');
    await this.syncNames(name);
  }

  /** Writes the same metadata again. It was read before, but it may only be in the page cache. */
  rewriteContents(name: string, contents: SnapshotContents): Promise<void> {
    return this.#writeMetadata(name, contents, 'write');
  }

  /** Makes the names of the files in a folder durable. A crash before that may lose any of them. */
  async syncNames(name: string): Promise<void> {
    await this.#sinceBegin(name).syncDirectory(this.pathOf(name));
  }

  /**
   * Gives a finished folder its final name. Its files and their names must be durable. The steps
   * are (1) rename, (2) sync. A crash before (2) leaves either name, and so the whole snapshot or
   * nothing. After a failure the snapshot is removed as far as the disk allows it.
   */
  async publish(from: string, to: string): Promise<void> {
    // A folder with this name is left if the removal after an earlier failure failed, too.
    if ((await entryKind(this.fileSystem, this.path, to)) !== undefined) await this.discard(to);
    await this.fileSystem.rename(this.pathOf(from), this.pathOf(to));
    try {
      await this.#sinceBegin(from).syncDirectory(this.path);
      this.#begun.delete(from);
    } catch (error) {
      await this.discard(to).catch(ignore);
      throw error;
    }
    // The snapshot is acknowledged only if this manager still has the lock.
    await this.fileSystem.confirm();
  }

  /**
   * Removes a snapshot: (1) rename it, (2) sync, (3) remove its files. If files were removed before
   * (2) a crash could leave a snapshot without some of them. An earlier attempt that stopped in
   * between is continued. If it stopped at (2) it starts again at (1): a failed sync may have
   * dropped the rename from the cache, and the next sync would not write it.
   */
  async discard(name: string): Promise<void> {
    const gone = `${name}.gone`;
    const fileSystem = this.fileSystem.fromNow();
    const names = (await this.fileSystem.list(this.path)).map((entry) => entry.name);
    let isThere = names.includes(name);
    if (names.includes(gone) && !isThere && this.#unsyncedRemovals.has(name)) {
      await this.fileSystem.rename(this.pathOf(gone), this.pathOf(name));
      isThere = true;
    } else if (names.includes(gone)) {
      await fileSystem.syncDirectory(this.path);
      await this.removeTree(gone);
    }
    if (!isThere) return;
    this.#unsyncedRemovals.add(name);
    await this.fileSystem.rename(this.pathOf(name), this.pathOf(gone));
    // After this sync the removal is durable. A crash before it leaves the whole snapshot, or a
    // leftover.
    await fileSystem.syncDirectory(this.path);
    this.#unsyncedRemovals.delete(name);
    await this.removeTree(gone);
  }

  /** Reads the identity record. Returns `undefined` if there is none. */
  async readIdentity(): Promise<Uint8Array | undefined> {
    const record = await readRecord(this.fileSystem, this.path, identityName);
    if (record.kind === 'whole') return record.bytes;
    if (record.kind === 'absent') return undefined;
    const file = this.pathOf(identityName);
    if (record.kind === 'damaged') {
      throw corrupt(`the identity record is damaged: ${record.why}`, { file, offset: 0 });
    }
    throw new SnapshotError(
      'SNAPSHOT_VERSION',
      `${file} has format version ${record.version}, which this release does not know. Use the release that wrote it`,
    );
  }

  /** Replaces the identity record durably. */
  writeIdentity(bytes: Uint8Array): Promise<void> {
    return writeRecord(this.fileSystem.fromNow(), this.path, identityName, bytes);
  }

  /** Removes the identity record durably. Does nothing if there is none. */
  removeIdentity(): Promise<void> {
    return removeRecord(this.fileSystem.fromNow(), this.path, identityName);
  }

  /**
   * Sets a damaged snapshot aside and returns its new name. Only the newest damaged ones are kept.
   */
  async setAside(name: string): Promise<string> {
    const damaged = `${name}.damaged`;
    const fileSystem = this.fileSystem.fromNow();
    await this.removeTree(damaged);
    await this.fileSystem.rename(this.pathOf(name), this.pathOf(damaged));
    // After this sync nobody takes it for a snapshot any more. A crash before it leaves the damaged
    // snapshot, which the next opening finds again.
    await fileSystem.syncDirectory(this.path);
    const names = (await this.fileSystem.list(this.path))
      .map((entry) => entry.name)
      .filter((entry) => damagedPattern.test(entry));
    for (const old of names.slice(0, -damagedKept)) await this.removeTree(old);
    return damaged;
  }

  async #writeMetadata(
    name: string,
    contents: SnapshotContents,
    mode: 'create' | 'write',
  ): Promise<void> {
    const file = await this.fileSystem.open(`${this.pathOf(name)}/${metadataName}`, mode);
    try {
      await file.write(encodeMetadataFile(contents), 0);
      // After this sync the metadata is durable. The name of a new file may still be lost.
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** Removes a folder with everything in it. Does nothing if it does not exist. */
  async removeTree(name: string): Promise<void> {
    await removeTree(this.fileSystem, this.path, name);
    this.#begun.delete(name);
  }

  /**
   * For a folder that an earlier process created every failed sync counts, because it is unknown
   * when it was named.
   */
  #sinceBegin(name: string): GuardedFileSystem {
    return this.#begun.get(name) ?? this.fileSystem;
  }
}

function namesLike(pattern: RegExp, entries: readonly DirectoryEntry[]): readonly string[] {
  return entries.map(({ name }) => name).filter((name) => pattern.test(name));
}

/** Whether a file error says that a file does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof FileError && error.kind === 'not-found';
}

function ignore(): void {}
