/**
 * A snapshot that arrives. What is there of it lies in a folder named by its id, so that a transfer
 * that was interrupted goes on where it ended, also after a restart, and from another sender: the
 * metadata file is written first, and a part counts only for the very same manifest.
 */
import { storedBytesOf } from './format/manifest.ts';
import type { SnapshotContents } from './format/metadata-file.ts';
import { FileChunks } from './format/chunk.ts';
import type { SnapshotFolder } from './snapshot-folder.ts';
import { isNotFound } from './snapshot-folder.ts';
import { corrupt, isCorrupt } from './snapshot-error.ts';
import { PartFile } from './files/part-file.ts';

const streamName = 'the stream';

export class SnapshotPart {
  readonly #folder: SnapshotFolder;
  readonly #contents: SnapshotContents;
  readonly name: string;
  #at = 0;
  #file: PartFile | undefined;
  #takenBytes = 0;

  constructor(folder: SnapshotFolder, contents: SnapshotContents) {
    this.#folder = folder;
    this.#contents = contents;
    this.name = partName(contents.manifest.id);
  }

  /** Bytes of the stream that are here, checked. Changes nothing. */
  async measure(): Promise<number> {
    let bytes = 0;
    for (const at of this.#contents.places.keys()) {
      const file = await this.#openIfAny(at, 'read');
      if (file === undefined) return bytes;
      try {
        bytes += await file.resume(false);
        if (!file.isWhole) return bytes;
        // All chunks are right and the whole is not: nothing of this can be continued.
        if (!file.hasRightHash()) return 0;
      } finally {
        await file.close();
      }
    }
    return bytes;
  }

  /**
   * Takes up what is here, or begins. What was read is written again, for a sync to cover it: see
   * `PartFile`.
   */
  async prepare(): Promise<void> {
    if (!(await this.#isOfThisManifest())) {
      await this.#folder.removeTree(this.name);
      await this.#folder.begin(this.name);
      await this.#folder.writeContents(this.name, this.#contents);
      return;
    }
    await this.#folder.rewriteContents(this.name, this.#contents);
    while (this.#at < this.#contents.places.length) {
      const file = await this.#openIfAny(this.#at, 'write');
      if (file === undefined) break;
      this.#file = file;
      this.#takenBytes += await file.resume(true);
      if (!file.isWhole) break;
      await this.#endFile(file);
    }
    // Behind what was damaged meanwhile there may be files that come anew.
    for (let at = this.#at + 1; at < this.#contents.places.length; at += 1) {
      const [path] = this.#fileAt(at);
      const exists = (await this.#folder.fileSystem.kindOf(path)) !== undefined;
      if (exists) await this.#folder.fileSystem.unlink(path);
    }
  }

  /** Takes bytes of the stream; what is not of this snapshot is `SNAPSHOT_CORRUPT`. */
  async take(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const file = await this.#nextFile();
      if (file === undefined) {
        throw this.#damage('the stream goes on behind its end', this.#takenBytes + at);
      }
      const count = await file.take(bytes.subarray(at));
      at += count;
      this.#takenBytes += count;
    }
  }

  /** Of the stream: whole chunks, and the beginning of one that would be lost now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  get missingBytes(): number {
    return storedBytesOf(this.#contents.manifest) - this.#takenBytes;
  }

  /**
   * Durable after it: all of the folder but the name that it will have. A crash just before leaves
   * a part.
   */
  async finish(): Promise<void> {
    // Files without content may be missing; others were filled.
    const unfilled = await this.#nextFile();
    if (unfilled !== undefined)
      throw this.#damage('the chunks do not fill the files', this.#takenBytes);
    await this.#folder.syncNames(this.name);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** The file that takes the next byte; those without content are made on the way. */
  async #nextFile(): Promise<PartFile | undefined> {
    while (this.#at < this.#contents.places.length) {
      this.#file ??= await PartFile.create(this.#folder.fileSystem, ...this.#fileAt(this.#at));
      if (!this.#file.isWhole) return this.#file;
      await this.#endFile(this.#file);
    }
    return undefined;
  }

  async #endFile(file: PartFile): Promise<void> {
    if (!file.hasRightHash()) {
      const name = this.#contents.manifest.files[this.#at]?.name;
      throw this.#damage(`the content of file ${name} is another one`, this.#takenBytes);
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
      // Interrupted before its metadata was durable.
      if (isCorrupt(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  async #openIfAny(at: number, mode: 'read' | 'write'): Promise<PartFile | undefined> {
    try {
      return await PartFile.open(this.#folder.fileSystem, ...this.#fileAt(at), mode);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #fileAt(at: number): [path: string, chunks: FileChunks] {
    const { metadata, manifest, places } = this.#contents;
    const entry = manifest.files[at];
    const place = places[at];
    if (entry === undefined || place === undefined) throw new RangeError(`there is no file ${at}`);
    const path = this.#folder.filePath(this.name, place.number);
    return [path, new FileChunks(metadata, manifest, entry)];
  }

  #damage(problem: string, offset: number): Error {
    return corrupt(problem, { file: streamName, offset });
  }
}

export function partName(id: string): string {
  return `${id}.part`;
}
