/**
 * Reads the chunks of one file of a snapshot and verifies each before it returns it. For a file
 * outside the snapshot the content comes from there, and the heads from the file in the folder. The
 * result is the same.
 */
import { createHash } from 'node:crypto';
import type { File, FileSystem } from '@babuza/vfs';
import { chunkHeadBytes } from '../format/manifest.ts';
import type { FileChunks } from '../format/chunk.ts';
import { corrupt } from '../snapshot-error.ts';

/** One chunk with its head, and its offset in the file as stored and sent. */
export interface Chunk {
  readonly number: number;
  readonly position: number;
  readonly bytes: Uint8Array;
}

export class ChunkReader {
  readonly chunks: FileChunks;
  readonly #inside: File;
  readonly #outside: File | undefined;

  private constructor(chunks: FileChunks, inside: File, outside: File | undefined) {
    this.chunks = chunks;
    this.#inside = inside;
    this.#outside = outside;
  }

  /** Opens a file of a snapshot. Rejects with `FileError`. */
  static async open(
    chunks: FileChunks,
    inside: { readonly fileSystem: FileSystem; readonly path: string },
    outside?: { readonly fileSystem: FileSystem; readonly path: string },
  ): Promise<ChunkReader> {
    const file = await inside.fileSystem.open(inside.path, 'read');
    if (outside === undefined) return new ChunkReader(chunks, file, undefined);
    try {
      return new ChunkReader(chunks, file, await outside.fileSystem.open(outside.path, 'read'));
    } catch (error) {
      await file.close().catch(ignore);
      throw error;
    }
  }

  /** Refuses files whose size differs from the manifest. */
  async checkSizes(): Promise<void> {
    const { file, count } = this.chunks;
    if (this.#outside === undefined) return checkSize(this.#inside, file.storedBytes);
    await checkSize(this.#inside, count * chunkHeadBytes);
    await checkSize(this.#outside, file.contentBytes);
  }

  /** The chunks, starting with the one that holds byte `from` of the file as stored and sent. */
  async *read(from = 0): AsyncGenerator<Chunk, void> {
    const { count, allPlain, chunkBytes } = this.chunks;
    let position = 0;
    let number = 0;
    if (allPlain) {
      number = Math.min(Math.floor(from / (chunkHeadBytes + chunkBytes)), count);
      position = number * (chunkHeadBytes + chunkBytes);
    }
    for (; number < count; number += 1) {
      const end = allPlain ? Infinity : await this.#endOf(number, position, from);
      if (end <= from) {
        position = end;
        continue;
      }
      const bytes = await this.#chunk(number, position);
      this.chunks.check(bytes, number, { file: this.#inside.path, offset: position });
      yield { number, position, bytes };
      position += bytes.length;
    }
    this.#checkEnd(position);
  }

  /** The content in chunks. The hash of the whole content is compared at the end. */
  async *content(): AsyncGenerator<Uint8Array, void> {
    const hash = createHash('sha256');
    for await (const { number, position, bytes } of this.read()) {
      const where = { file: this.#inside.path, offset: position };
      const content = await this.chunks.unpack(bytes, number, where);
      hash.update(content);
      yield content;
    }
    const expected = Buffer.from(this.chunks.file.sha256).toString('hex');
    const got = hash.digest('hex');
    if (got === expected) return;
    const where = { file: this.#inside.path, offset: 0 };
    throw corrupt('the hash of the content differs', { ...where, expected, got });
  }

  async close(): Promise<void> {
    const files = this.#outside === undefined ? [this.#inside] : [this.#inside, this.#outside];
    await Promise.all(files.map((file) => file.close()));
  }

  /** The end of a chunk, or `Infinity` if the chunk reaches beyond `from` and cannot be skipped. */
  async #endOf(number: number, position: number, from: number): Promise<number> {
    if (position + chunkHeadBytes >= from) return Infinity;
    const head = new Uint8Array(chunkHeadBytes);
    await readWhole(this.#inside, head, position);
    const where = { file: this.#inside.path, offset: position };
    return position + chunkHeadBytes + this.chunks.storedBytesIn(head, number, where);
  }

  async #chunk(number: number, position: number): Promise<Uint8Array> {
    const contentBytes = this.chunks.contentBytesOf(number);
    if (this.#outside !== undefined) {
      const bytes = new Uint8Array(chunkHeadBytes + contentBytes);
      await readWhole(this.#inside, bytes.subarray(0, chunkHeadBytes), number * chunkHeadBytes);
      const offset = number * this.chunks.chunkBytes;
      await readWhole(this.#outside, bytes.subarray(chunkHeadBytes), offset);
      return bytes;
    }
    // One read fetches head and content. For a compressed chunk it also fetches a part of the next
    // one.
    const bytesMax = Math.min(
      chunkHeadBytes + contentBytes,
      this.chunks.file.storedBytes - position,
    );
    const bytes = new Uint8Array(Math.max(bytesMax, chunkHeadBytes));
    await readWhole(this.#inside, bytes, position);
    const where = { file: this.#inside.path, offset: position };
    return bytes.subarray(0, chunkHeadBytes + this.chunks.storedBytesIn(bytes, number, where));
  }

  #checkEnd(got: number): void {
    const expected = this.chunks.file.storedBytes;
    if (got === expected) return;
    const where = { file: this.#inside.path, offset: got };
    throw corrupt('the chunks do not fill the file', { ...where, expected, got });
  }
}

async function checkSize(file: File, expected: number): Promise<void> {
  const got = await file.size();
  if (got === expected) return;
  throw corrupt('the file size differs', { file: file.path, offset: 0, expected, got });
}

async function readWhole(file: File, target: Uint8Array, position: number): Promise<void> {
  const got = await file.read(target, position);
  if (got === target.length) return;
  throw corrupt('the file ends too early', {
    file: file.path,
    offset: position,
    expected: target.length,
    got,
  });
}

function ignore(): void {}
