/**
 * A snapshot that arrives. Its files are in a folder named by its id, so an interrupted transfer
 * can be continued, even after a restart and from another sender. The metadata file is written
 * first, and the files count only for exactly the same manifest.
 */
import { storedBytesOf } from './format/manifest.ts';
import type { SnapshotContents } from './format/metadata-file.ts';
import { FileChunks } from './format/chunk.ts';
import type { SnapshotFolder } from './snapshot-folder.ts';
import { isNotFound } from './snapshot-folder.ts';
import { corrupt, isCorrupt } from './snapshot-error.ts';
import { IncomingFile } from './files/incoming-file.ts';

const streamName = 'the stream';

export class IncomingSnapshot {
  readonly #folder: SnapshotFolder;
  readonly #contents: SnapshotContents;
  readonly name: string;
  #at = 0;
  #file: IncomingFile | undefined;
  #takenBytes = 0;

  constructor(folder: SnapshotFolder, contents: SnapshotContents) {
    this.#folder = folder;
    this.#contents = contents;
    this.name = incomingName(contents.manifest.id);
  }

  /** Returns how many bytes of the stream are stored and valid. Changes nothing. */
  async measure(): Promise<number> {
    let bytes = 0;
    for (const at of this.#contents.locations.keys()) {
      const file = await this.#openIfAny(at, 'read');
      if (file === undefined) return bytes;
      try {
        bytes += await file.resume(false);
        if (!file.isWhole) return bytes;
        // All chunks are valid, but the content is not: nothing of this can be continued.
        if (!file.hasRightHash()) return 0;
      } finally {
        await file.close();
      }
    }
    return bytes;
  }

  /**
   * Continues an interrupted transfer or starts a new one. Existing chunks are written again, so
   * that a sync covers them, see `IncomingFile`.
   */
  async prepare(): Promise<void> {
    if (!(await this.#isOfThisManifest())) {
      await this.#folder.removeTree(this.name);
      await this.#folder.begin(this.name);
      await this.#folder.writeContents(this.name, this.#contents);
      return;
    }
    await this.#folder.rewriteContents(this.name, this.#contents);
    while (this.#at < this.#contents.locations.length) {
      const file = await this.#openIfAny(this.#at, 'write');
      if (file === undefined) break;
      this.#file = file;
      this.#takenBytes += await file.resume(true);
      if (!file.isWhole) break;
      await this.#endFile(file);
    }
    // Files after a damaged one arrive again.
    for (let at = this.#at + 1; at < this.#contents.locations.length; at += 1) {
      const [path] = this.#fileAt(at);
      const exists = (await this.#folder.fileSystem.kindOf(path)) !== undefined;
      if (exists) await this.#folder.fileSystem.unlink(path);
    }
  }

  /**
   * Stores bytes of the stream. Rejects with `SNAPSHOT_CORRUPT` if they do not belong to this
   * snapshot.
   */
  async take(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const file = await this.#nextFile();
      if (file === undefined) {
        throw this.#damage('the stream is longer than the snapshot', this.#takenBytes + at);
      }
      const count = await file.take(bytes.subarray(at));
      at += count;
      this.#takenBytes += count;
    }
  }

  /**
   * How many bytes of the stream were accepted, including an incomplete chunk, which an abort would
   * discard.
   */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  get missingBytes(): number {
    return storedBytesOf(this.#contents.manifest) - this.#takenBytes;
  }

  /**
   * Makes the whole folder durable except its final name. A crash before that leaves an interrupted
   * transfer.
   */
  async finish(): Promise<void> {
    // Empty files may still have to be created. All others are complete.
    const unfilled = await this.#nextFile();
    if (unfilled !== undefined)
      throw this.#damage('the chunks do not fill the files', this.#takenBytes);
    await this.#folder.syncNames(this.name);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** The file that the next byte belongs to. Empty files before it are created. */
  async #nextFile(): Promise<IncomingFile | undefined> {
    while (this.#at < this.#contents.locations.length) {
      this.#file ??= await IncomingFile.create(this.#folder.fileSystem, ...this.#fileAt(this.#at));
      if (!this.#file.isWhole) return this.#file;
      await this.#endFile(this.#file);
    }
    return undefined;
  }

  async #endFile(file: IncomingFile): Promise<void> {
    if (!file.hasRightHash()) {
      const name = this.#contents.manifest.files[this.#at]?.name;
      throw this.#damage(`the hash of file ${name} differs`, this.#takenBytes);
    }
    await file.finish();
    await this.close();
    this.#at += 1;
  }

  async #isOfThisManifest(): Promise<boolean> {
    try {
      const { manifestBytes } = await this.#folder.readContents(this.name);
      return Buffer.compare(manifestBytes, this.#contents.manifestBytes) === 0;
    } catch (error) {
      // The transfer was interrupted before its metadata was durable.
      if (isCorrupt(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  async #openIfAny(at: number, mode: 'read' | 'write'): Promise<IncomingFile | undefined> {
    try {
      return await IncomingFile.open(this.#folder.fileSystem, ...this.#fileAt(at), mode);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #fileAt(at: number): [path: string, chunks: FileChunks] {
    const { metadata, manifest, locations } = this.#contents;
    const entry = manifest.files[at];
    const location = locations[at];
    if (entry === undefined || location === undefined)
      throw new RangeError(`there is no file ${at}`);
    const path = this.#folder.filePath(this.name, location.number);
    return [path, new FileChunks(metadata, manifest, entry)];
  }

  #damage(problem: string, offset: number): Error {
    return corrupt(problem, { file: streamName, offset });
  }
}

export function incomingName(id: string): string {
  return `${id}.part`;
}
