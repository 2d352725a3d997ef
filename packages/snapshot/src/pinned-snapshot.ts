/**
 * A snapshot that is open for reading. Its folder stays until it is closed. Every chunk is verified
 * before it is returned, and the hash of a file after its last chunk.
 */
import type { OpenSnapshot, StoredSnapshot } from '@babuza/raft/ports';
import type { ChunkReader } from './files/chunk-reader.ts';
import type { KeptSnapshot } from './kept-snapshot.ts';
import type { SnapshotFolder } from './snapshot-folder.ts';
import { isCorrupt, readFailure, SnapshotError } from './snapshot-error.ts';

export class PinnedSnapshot implements OpenSnapshot {
  readonly snapshot: StoredSnapshot;
  readonly fileNames: readonly string[];
  readonly #folder: SnapshotFolder;
  readonly #kept: KeptSnapshot;
  readonly #release: () => Promise<void>;
  readonly #readers: Set<ChunkReader> = new Set();
  #closing: Promise<void> | undefined;

  /** `release` removes the hold on the folder. It never rejects. */
  constructor(folder: SnapshotFolder, kept: KeptSnapshot, release: () => Promise<void>) {
    this.#folder = folder;
    this.#kept = kept;
    this.#release = release;
    this.snapshot = kept.stored;
    this.fileNames = kept.contents.manifest.files.map(({ name }) => name);
  }

  async *readFile(name: string): AsyncGenerator<Uint8Array, void> {
    const at = this.fileNames.indexOf(name);
    if (at === -1) {
      throw new SnapshotError(
        'SNAPSHOT_NOT_FOUND',
        `the snapshot has no file ${name}. Its files are: ${this.fileNames.join(', ')}`,
      );
    }
    yield* this.#reading(at, (reader) => reader.content());
  }

  /** All files in their stored form, which is also sent, from a byte offset on. */
  async *readStored(offset: number): AsyncGenerator<Uint8Array, void> {
    let start = 0;
    for (const [at, { storedBytes }] of this.#kept.contents.manifest.files.entries()) {
      const from = offset - start;
      start += storedBytes;
      if (from >= storedBytes) continue;
      for await (const { position, bytes } of this.#reading(at, (reader) =>
        reader.read(Math.max(from, 0)),
      )) {
        yield position < from ? bytes.subarray(from - position) : bytes;
      }
    }
  }

  /** Whether all files are undamaged. Rejects if the disk fails to read. */
  async verify(): Promise<boolean> {
    try {
      for (const name of this.fileNames) {
        const chunks = this.readFile(name);
        while ((await chunks.next()).done !== true);
      }
      return true;
    } catch (error) {
      if (isCorrupt(error)) return false;
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // The bytes were verified when they were read, so a failure to close a file says nothing about
    // them.
    await Promise.allSettled([...this.#readers].map((reader) => reader.close()));
    await this.#release();
  }

  async *#reading<Item>(
    at: number,
    read: (reader: ChunkReader) => AsyncGenerator<Item, void>,
  ): AsyncGenerator<Item, void> {
    this.#assertOpen();
    let reader: ChunkReader | undefined;
    try {
      reader = await this.#folder.openFile(this.#kept.name, this.#kept.contents, at);
      this.#readers.add(reader);
      // The snapshot may have been closed while the file was being opened. `close` did not know
      // this reader.
      this.#assertOpen();
      await reader.checkSizes();
      yield* read(reader);
    } catch (error) {
      this.#assertOpen();
      throw readFailure(error);
    } finally {
      if (reader !== undefined) {
        this.#readers.delete(reader);
        await reader.close().catch(() => undefined);
      }
    }
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new SnapshotError('SNAPSHOT_CLOSED', 'the snapshot is closed');
  }
}
