/** Turns the content of one file into chunks and writes them. It holds one chunk in memory. */
import { createHash, type Hash } from 'node:crypto';
import type { File } from '@babuza/vfs';
import { chunkHeadBytes, type ManifestFile } from '../format/manifest.ts';
import { pack, writeHead, type ChunkForm } from '../format/chunk.ts';

/**
 * How much is written between two syncs. A single sync of gigabytes at the end would delay every
 * commit of a log on the same disk.
 */
export const syncBytes: number = 4 * 1024 * 1024;

/** The entry of a file in the manifest without its name. */
export type WrittenFile = Omit<ManifestFile, 'name'>;

export class ChunkWriter {
  readonly #file: File;
  readonly #form: ChunkForm;
  readonly #level: number;
  readonly #headsOnly: boolean;
  readonly #hash: Hash = createHash('sha256');
  /** Space for the head, followed by the content. */
  readonly #chunk: Uint8Array;
  #filled = 0;
  #number = 0;
  #contentBytes = 0;
  #storedBytes = 0;
  #position = 0;
  #syncedTo = 0;

  /** With `headsOnly` the content stays uncompressed in a file outside. */
  constructor(file: File, form: ChunkForm, options: { level: number; headsOnly: boolean }) {
    this.#file = file;
    this.#form = form;
    this.#level = options.level;
    this.#headsOnly = options.headsOnly;
    this.#chunk = new Uint8Array(chunkHeadBytes + form.chunkBytes);
  }

  /** Appends a copy of the bytes. */
  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, this.#form.chunkBytes - this.#filled);
      this.#chunk.set(bytes.subarray(at, at + count), chunkHeadBytes + this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#form.chunkBytes) await this.#flush();
    }
  }

  /** Writes the rest and makes the file durable. */
  async end(): Promise<WrittenFile> {
    if (this.#filled > 0) await this.#flush();
    // After this sync the content of the file is durable. A crash before it leaves a folder with a
    // temporary name.
    await this.#file.datasync();
    return {
      contentBytes: this.#contentBytes,
      storedBytes: this.#storedBytes,
      sha256: new Uint8Array(this.#hash.digest()),
    };
  }

  async #flush(): Promise<void> {
    const content = this.#chunk.subarray(chunkHeadBytes, chunkHeadBytes + this.#filled);
    this.#hash.update(content);
    const codec = this.#headsOnly ? 'none' : this.#form.codec;
    const stored = await pack(codec, content, this.#level);
    const isPlain = stored === content;
    const bytes = isPlain
      ? this.#chunk.subarray(0, chunkHeadBytes + content.length)
      : new Uint8Array(chunkHeadBytes + stored.length);
    if (!isPlain) bytes.set(stored, chunkHeadBytes);
    writeHead(bytes, 0, this.#form, this.#number, content.length, stored);
    await this.#write(this.#headsOnly ? bytes.subarray(0, chunkHeadBytes) : bytes);
    this.#storedBytes += bytes.length;
    this.#contentBytes += content.length;
    this.#number += 1;
    this.#filled = 0;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.write(bytes, this.#position);
    this.#position += bytes.length;
    if (this.#position - this.#syncedTo < syncBytes) return;
    await this.#file.datasync();
    this.#syncedTo = this.#position;
  }
}
