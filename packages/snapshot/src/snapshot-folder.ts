/**
 * The folder of one group: the names in it, what they mean, and every durable step that changes
 * them.
 *
 * - `<index>-<term>`: a snapshot, whole and durable. It got this name when it was both.
 * - `….tmp`: being made; `….gone`: being removed. Removed at the next opening.
 * - `<id>.part`: an interrupted transfer, to be continued.
 * - `….damaged`: set aside for people; never read again.
 * - `IDENTITY`: the identity record, which says what the snapshots belong to.
 *
 * Errors are the `FileError`s of the disk, and those of the format.
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

export type SnapshotPlace = Pick<SnapshotMetadata, 'index' | 'term'>;

/** As many as a number of 53 bits needs, so that names sort as numbers. */
const digits = 16;
const snapshotPattern = /^(\d{16})-(\d{16})$/;
const leftoverPattern = /\.(?:tmp|gone)$/;
const partPattern = /^[0-9a-f]{64}\.part$/;
const damagedPattern = /^\d{16}-\d{16}\.damaged$/;
const metadataName = 'snapshot';
/** What an interrupted write of it leaves ends as the leftovers do, and goes with them. */
const identityName = 'IDENTITY';
/** More would fill a disk that rots. */
const damagedKept = 2;

export interface FoundNames {
  readonly snapshots: readonly string[];
  readonly leftovers: readonly string[];
  readonly parts: readonly string[];
}

export class SnapshotFolder {
  /** Changes nothing once the lock of the folder is lost. */
  readonly fileSystem: GuardedFileSystem;
  /** Where files outside of snapshots are, if there may be any. */
  readonly outside: FileSystem | undefined;
  readonly groupId: bigint;
  readonly path: string;
  /** Snapshots whose removal has begun, and whose new name is not known to be durable. */
  readonly #unsyncedRemovals: Set<string> = new Set();
  #lock: DirectoryLock | undefined;
  /**
   * The folders that this process has begun, by name, each with the view that tells it of syncs
   * that failed since: any of them may have dropped its name.
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

  /** Makes the folder, durably, and takes its lock: two managers would remove each other's work. */
  async prepare(): Promise<void> {
    await this.fileSystem.makeDirectory(this.path);
    this.#lock = await this.fileSystem.lock(this.path);
    // Durable after it: every name that is about to be believed, and the renames before removals
    // that were interrupted. A crash just before leaves the same names, or those before the last
    // step of the process that was here.
    await this.fileSystem.syncDirectory(this.path);
  }

  /** Calls `listener` once when the lock is found lost, with `SNAPSHOT_LOCK_LOST`. */
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
      // A file is none, and neither is a link: where it leads, others may remove what we rely on.
      snapshots: namesLike(snapshotPattern, folders),
      leftovers: namesLike(leftoverPattern, entries),
      parts: namesLike(partPattern, folders),
    };
  }

  nameOf({ index, term }: SnapshotPlace): string {
    return `${String(index).padStart(digits, '0')}-${String(term).padStart(digits, '0')}`;
  }

  pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  filePath(name: string, number: number): string {
    return `${this.pathOf(name)}/file-${String(number).padStart(4, '0')}`;
  }

  /** The metadata of a snapshot or of a part, checked in itself. */
  async readContents(name: string): Promise<SnapshotContents> {
    const path = `${this.pathOf(name)}/${metadataName}`;
    const file = await this.fileSystem.open(path, 'read');
    try {
      const bytes = await file.size();
      if (bytes > metadataFileBytesMax) {
        throw corrupt('the file is too long', { file: path, offset: 0 });
      }
      const content = new Uint8Array(bytes);
      const got = await file.read(content, 0);
      return decodeMetadataFile(content.subarray(0, got), this.groupId, path);
    } finally {
      await file.close();
    }
  }

  /**
   * The contents of a snapshot whose files are there and have the right sizes; their bytes are not
   * read.
   */
  async load(name: string): Promise<SnapshotContents> {
    const contents = await this.readContents(name);
    const expected = this.nameOf(contents.metadata);
    if (name !== expected) {
      const details = { file: this.pathOf(name), offset: 0, expected, got: name };
      throw corrupt('the folder has the name of another snapshot', details);
    }
    for (const [at] of contents.places.entries()) {
      const reader = await this.openFile(name, contents, at);
      try {
        await reader.checkSizes();
      } finally {
        await reader.close();
      }
    }
    return contents;
  }

  /** Opens a file of a snapshot, by its number in the manifest. */
  async openFile(name: string, contents: SnapshotContents, at: number): Promise<ChunkReader> {
    const entry = contents.manifest.files[at];
    const place = contents.places[at];
    if (entry === undefined || place === undefined) throw new RangeError(`there is no file ${at}`);
    const chunks = new FileChunks(contents.metadata, contents.manifest, entry);
    const inside = { fileSystem: this.fileSystem, path: this.filePath(name, place.number) };
    if (place.outside === undefined) return ChunkReader.open(chunks, inside);
    if (this.outside === undefined) {
      throw corrupt('there are no files outside', { file: place.outside, offset: 0 });
    }
    return ChunkReader.open(chunks, inside, { fileSystem: this.outside, path: place.outside });
  }

  /** Makes the folder of a snapshot that is not finished; nothing of it is durable. */
  async begin(name: string): Promise<void> {
    this.#begun.set(name, this.fileSystem.fromNow());
    await this.fileSystem.makeDirectory(this.pathOf(name));
  }

  /** Writes the metadata into a folder and makes it, and the names in the folder, durable. */
  async writeContents(name: string, contents: SnapshotContents): Promise<void> {
    await this.#writeMetadata(name, contents, 'create');
    await this.syncNames(name);
  }

  /**
   * Writes the same metadata again: it was read, but only this makes sure that it is more than
   * cached.
   */
  rewriteContents(name: string, contents: SnapshotContents): Promise<void> {
    return this.#writeMetadata(name, contents, 'write');
  }

  /**
   * Durable after it: the names of the files in a folder. A crash just before may leave any of them
   * out.
   */
  async syncNames(name: string): Promise<void> {
    await this.#sinceBegin(name).syncDirectory(this.pathOf(name));
  }

  /**
   * Gives a finished folder its name. Its files and their names must be durable: (1) rename, (2)
   * sync. A crash before (2) leaves either name, and so all of the snapshot or nothing of it. A
   * failure is undone as far as the disk lets us.
   */
  async publish(from: string, to: string): Promise<void> {
    // What has the name and was not believed: the undoing of an earlier failure failed too.
    if ((await entryKind(this.fileSystem, this.path, to)) !== undefined) await this.discard(to);
    await this.fileSystem.rename(this.pathOf(from), this.pathOf(to));
    try {
      await this.#sinceBegin(from).syncDirectory(this.path);
      this.#begun.delete(from);
    } catch (error) {
      await this.discard(to).catch(ignore);
      throw error;
    }
    // Acknowledged only while the folder is still this manager's.
    await this.fileSystem.confirm();
  }

  /**
   * Removes a snapshot: (1) it loses its name, (2) durably, (3) its files go. Were files to go
   * before (2), a crash could leave a snapshot without some of them. An earlier attempt that has
   * stopped in between is continued. If it stopped at (2), it begins again with (1): a sync that
   * failed may have forgotten the rename, and the next sync would not cover it.
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
    // Durable after it: that it is gone. A crash just before leaves it whole, or its leftover.
    await fileSystem.syncDirectory(this.path);
    this.#unsyncedRemovals.delete(name);
    await this.removeTree(gone);
  }

  /** The identity record, or `undefined` where there is none. */
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
      `${file}: format version ${record.version} is unknown here; use the release that wrote it`,
    );
  }

  /** Replaces the identity record; durable after it. */
  writeIdentity(bytes: Uint8Array): Promise<void> {
    return writeRecord(this.fileSystem.fromNow(), this.path, identityName, bytes);
  }

  /** Removes the identity record; durable after it, and fine if there is none. */
  removeIdentity(): Promise<void> {
    return removeRecord(this.fileSystem.fromNow(), this.path, identityName);
  }

  /**
   * Puts a damaged snapshot out of the way and returns its new name. Only the newest of them are
   * kept.
   */
  async setAside(name: string): Promise<string> {
    const damaged = `${name}.damaged`;
    const fileSystem = this.fileSystem.fromNow();
    await this.removeTree(damaged);
    await this.fileSystem.rename(this.pathOf(name), this.pathOf(damaged));
    // Durable after it: that nobody takes it for a snapshot. A crash just before: it is found
    // damaged again.
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
      // Durable after it: the metadata; a new file's name may still be lost.
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /**
   * Removes a folder with all that is in it; fine if there is none. Nothing of it may count any
   * more.
   */
  async removeTree(name: string): Promise<void> {
    await removeTree(this.fileSystem, this.path, name);
    this.#begun.delete(name);
  }

  /** A folder of an earlier process is told of all failures: nobody knows when it got its name. */
  #sinceBegin(name: string): GuardedFileSystem {
    return this.#begun.get(name) ?? this.fileSystem;
  }
}

function namesLike(pattern: RegExp, entries: readonly DirectoryEntry[]): readonly string[] {
  return entries.map(({ name }) => name).filter((name) => pattern.test(name));
}

/** Whether a failure says that something is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof FileError && error.kind === 'not-found';
}

function ignore(): void {}
