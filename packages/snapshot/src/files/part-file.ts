/**
 * One file of a snapshot that arrives: takes the bytes as they come, in pieces of any size, and
 * writes whole chunks that were checked. Holds one chunk at a time.
 *
 * What an earlier attempt left is believed chunk by chunk, and written again: after a failed sync,
 * or a process that was killed, the cache may show bytes that no later sync would bring to the
 * disk.
 */
import { createHash, type Hash } from 'node:crypto';
import type { File, FileSystem } from '@babuza/vfs';
import type { FileChunks } from '../format/chunk.ts';
import { chunkHeadBytes } from '../format/manifest.ts';
import { isCorrupt } from '../snapshot-error.ts';
import { syncBytes } from './chunk-writer.ts';

export class PartFile {
  readonly #file: File;
  readonly #chunks: FileChunks;
  readonly #hash: Hash = createHash('sha256');
  /** The chunk that is being put together. */
  readonly #chunk: Uint8Array;
  #filled = 0;
  #number = 0;
  #position = 0;
  #syncedTo = 0;

  private constructor(file: File, chunks: FileChunks) {
    this.#file = file;
    this.#chunks = chunks;
    this.#chunk = new Uint8Array(chunkHeadBytes + chunks.chunkBytes);
  }

  static async create(fileSystem: FileSystem, path: string, chunks: FileChunks): Promise<PartFile> {
    return new PartFile(await fileSystem.open(path, 'create'), chunks);
  }

  static async open(
    fileSystem: FileSystem,
    path: string,
    chunks: FileChunks,
    mode: 'read' | 'write',
  ): Promise<PartFile> {
    return new PartFile(await fileSystem.open(path, mode), chunks);
  }

  /** Whether all chunks are here. */
  get isWhole(): boolean {
    return this.#number === this.#chunks.count && this.#position === this.#chunks.file.storedBytes;
  }

  /** To be asked once, when it is whole. */
  hasRightHash(): boolean {
    return Buffer.compare(this.#hash.digest(), this.#chunks.file.sha256) === 0;
  }

  /**
   * Reads what is there as far as it is right, and returns how much that is. `rewrite`: drops the
   * rest, too.
   */
  async resume(rewrite: boolean): Promise<number> {
    const size = await this.#file.size();
    while (this.#number < this.#chunks.count) {
      if (!(await this.#readChunk(size))) break;
      await this.#takeChunk(rewrite);
    }
    if (rewrite && size > this.#position) await this.#file.truncate(this.#position);
    return this.#position;
  }

  /** Takes bytes of the stream, up to the end of this file, and returns how many that were. */
  async take(bytes: Uint8Array): Promise<number> {
    let at = 0;
    while (at < bytes.length && !this.isWhole) {
      const count = Math.min(bytes.length - at, this.#wanted() - this.#filled);
      this.#chunk.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled > chunkHeadBytes && this.#filled === this.#wanted()) {
        await this.#takeChunk(true);
      }
    }
    return at;
  }

  async finish(): Promise<void> {
    // Durable after it: the content of this file. A crash just before leaves a part.
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** How many bytes the head, or the chunk when its head is here, has. */
  #wanted(): number {
    if (this.#filled < chunkHeadBytes) return chunkHeadBytes;
    const where = { file: this.#file.path, offset: this.#position };
    return chunkHeadBytes + this.#chunks.storedBytesIn(this.#chunk, this.#number, where);
  }

  /** Checks the chunk that is put together, and writes it. */
  async #takeChunk(write: boolean): Promise<void> {
    const chunk = this.#chunk.subarray(0, this.#filled);
    const where = { file: this.#file.path, offset: this.#position };
    this.#chunks.check(chunk, this.#number, where);
    this.#hash.update(await this.#chunks.unpack(chunk, this.#number, where));
    if (write) await this.#write(chunk);
    this.#position += chunk.length;
    this.#number += 1;
    this.#filled = 0;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    await this.#file.write(chunk, this.#position);
    if (this.#position + chunk.length - this.#syncedTo < syncBytes) return;
    // Durable after it: what a restart resumes from.
    await this.#file.datasync();
    this.#syncedTo = this.#position + chunk.length;
  }

  /** Fetches the next chunk of the file, if it is there whole and right. */
  async #readChunk(size: number): Promise<boolean> {
    this.#filled = 0;
    if (this.#position + chunkHeadBytes > size) return false;
    try {
      await this.#file.read(this.#chunk.subarray(0, chunkHeadBytes), this.#position);
      this.#filled = chunkHeadBytes;
      const wanted = this.#wanted();
      if (this.#position + wanted > size) return this.#nothing();
      const rest = this.#chunk.subarray(chunkHeadBytes, wanted);
      await this.#file.read(rest, this.#position + chunkHeadBytes);
      this.#filled = wanted;
      const where = { file: this.#file.path, offset: this.#position };
      this.#chunks.check(this.#chunk.subarray(0, wanted), this.#number, where);
      return true;
    } catch (error) {
      if (isCorrupt(error)) return this.#nothing();
      throw error;
    }
  }

  #nothing(): false {
    this.#filled = 0;
    return false;
  }
}
