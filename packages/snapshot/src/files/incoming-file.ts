/**
 * One file of a snapshot that arrives. It accepts bytes in pieces of any size, and writes complete
 * chunks that were verified. It holds one chunk in memory.
 *
 * Chunks that an earlier attempt left are verified one by one and written again. After a failed
 * sync or a killed process the page cache may show bytes that no later sync would write to disk.
 */
import { createHash, type Hash } from 'node:crypto';
import type { File, FileSystem } from '@babuza/vfs';
import type { FileChunks } from '../format/chunk.ts';
import { chunkHeadBytes } from '../format/manifest.ts';
import { isCorrupt } from '../snapshot-error.ts';
import { syncBytes } from './chunk-writer.ts';

export class IncomingFile {
  readonly #file: File;
  readonly #chunks: FileChunks;
  readonly #hash: Hash = createHash('sha256');
  /** The chunk that is being assembled. */
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

  static async create(
    fileSystem: FileSystem,
    path: string,
    chunks: FileChunks,
  ): Promise<IncomingFile> {
    return new IncomingFile(await fileSystem.open(path, 'create'), chunks);
  }

  static async open(
    fileSystem: FileSystem,
    path: string,
    chunks: FileChunks,
    mode: 'read' | 'write',
  ): Promise<IncomingFile> {
    return new IncomingFile(await fileSystem.open(path, mode), chunks);
  }

  /** Whether all chunks were received. */
  get isWhole(): boolean {
    return this.#number === this.#chunks.count && this.#position === this.#chunks.file.storedBytes;
  }

  /** Compares the hash of the content. May be called once, when the file is complete. */
  hasRightHash(): boolean {
    return Buffer.compare(this.#hash.digest(), this.#chunks.file.sha256) === 0;
  }

  /**
   * Reads the existing chunks up to the first invalid one, and returns their size. With `rewrite`
   * they are written again, and the rest is cut off.
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

  /** Accepts bytes of the stream up to the end of this file, and returns how many it accepted. */
  async take(bytes: Uint8Array): Promise<number> {
    let at = 0;
    while (at < bytes.length && !this.isWhole) {
      const count = Math.min(bytes.length - at, this.#wanted() - this.#filled);
      this.#chunk.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#wanted()) await this.#takeChunk(true);
    }
    return at;
  }

  async finish(): Promise<void> {
    // After this sync the content of the file is durable. A crash before it leaves an interrupted
    // transfer.
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** The size of the head, or of the whole chunk once its head is complete. */
  #wanted(): number {
    if (this.#filled < chunkHeadBytes) return chunkHeadBytes;
    const where = { file: this.#file.path, offset: this.#position };
    return chunkHeadBytes + this.#chunks.storedBytesIn(this.#chunk, this.#number, where);
  }

  /** Verifies the assembled chunk and writes it if asked to. */
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
    // After this sync a restart can continue from here.
    await this.#file.datasync();
    this.#syncedTo = this.#position + chunk.length;
  }

  /** Reads the next chunk of the file. Returns false if it is incomplete or damaged. */
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
