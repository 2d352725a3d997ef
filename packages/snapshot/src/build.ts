/**
 * A snapshot that is being made in a folder with a temporary name. It does not exist for anybody
 * until it is published.
 */
import { dirname, isAbsolute } from 'node:path';
import type { SnapshotFiles } from '@babuza/raft/ports';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { File, FileSystem } from '@babuza/vfs';
import { chunkSalt } from './format/chunk.ts';
import {
  checkManifestLimits,
  encodeManifest,
  isFileName,
  type ManifestFile,
} from './format/manifest.ts';
import {
  outsidePathBytesMax,
  type FileLocation,
  type SnapshotContents,
} from './format/metadata-file.ts';
import { snapshotIdOf } from './format/snapshot-id.ts';
import { ChunkWriter, type WrittenFile } from './files/chunk-writer.ts';
import type { StorageForm } from './options.ts';
import type { SnapshotFolder } from './snapshot-folder.ts';
import {
  isCorrupt,
  readFailure,
  SnapshotError,
  translating,
  writeFailure,
} from './snapshot-error.ts';
import { orAborted, untilAborted } from './until-aborted.ts';

interface BuiltFile {
  readonly entry: ManifestFile;
  readonly location: FileLocation;
}

export class SnapshotBuild implements SnapshotFiles {
  readonly #folder: SnapshotFolder;
  readonly #name: string;
  readonly #metadata: SnapshotMetadata;
  readonly #form: StorageForm;
  readonly #signal: AbortSignal;
  readonly #names: Set<string> = new Set();
  readonly #files: BuiltFile[] = [];
  readonly #running: Set<Promise<void>> = new Set();
  #sealed = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    folder: SnapshotFolder,
    name: string,
    metadata: SnapshotMetadata,
    form: StorageForm,
    signal: AbortSignal,
  ) {
    this.#folder = folder;
    this.#name = name;
    this.#metadata = metadata;
    this.#form = form;
    this.#signal = signal;
  }

  writeFile(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    return this.#add(name, async (number) => ({
      entry: { name, ...(await this.#write(name, number, chunks, false)) },
      location: { number },
    }));
  }

  linkFile(name: string, path: string): Promise<void> {
    return this.#add(name, async (number) => {
      const { outside } = this.#folder;
      checkOutsidePath(path);
      if (outside === undefined)
        throw invalid('a snapshot in memory cannot link to a file on disk');
      const source = await translating(sourceFailure, () => outside.open(path, 'read'));
      try {
        await translating(writeFailure, () => makeDurable(outside, source, path));
        const content = contentOf(source, this.#form.chunkBytes);
        const written = await this.#write(name, number, content, true);
        return { entry: { name, ...written }, location: { number, outside: path } };
      } finally {
        await translating(writeFailure, () => source.close());
      }
    });
  }

  /**
   * Runs `write`, and then waits for files that it did not await. Throws the first failure, even
   * one that `write` ignored.
   */
  async run(write: (files: SnapshotFiles) => Promise<void>): Promise<void> {
    try {
      await orAborted(
        Promise.resolve().then(() => write(this)),
        this.#signal,
      );
    } catch (error) {
      // A file that failed before is the cause of the failure of `write`.
      this.#failure ??= { error };
    } finally {
      this.#sealed = true;
      await Promise.allSettled(this.#running);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Writes the metadata. After that the whole folder is durable except its name, which is a
   * temporary one.
   */
  async finish(): Promise<SnapshotContents> {
    const files = this.#files.toSorted((a, b) => (a.entry.name < b.entry.name ? -1 : 1));
    const entries = files.map(({ entry }) => entry);
    const id = snapshotIdOf(this.#folder.groupId, this.#metadata, entries);
    const { codec, chunkBytes } = this.#form;
    const manifest = { id, codec, chunkBytes, files: entries };
    const contents: SnapshotContents = {
      groupId: this.#folder.groupId,
      metadata: this.#metadata,
      manifest,
      manifestBytes: encodeManifest(manifest),
      locations: files.map(({ location }) => location),
    };
    await this.#folder.writeContents(this.#name, contents);
    return contents;
  }

  #add(name: string, work: (number: number) => Promise<BuiltFile>): Promise<void> {
    const adding = this.#added(name, work).catch((error: unknown) => {
      this.#failure ??= { error };
      throw error;
    });
    // A caller that does not await this promise learns of the failure from `run`.
    adding.catch(() => undefined);
    this.#running.add(adding);
    return adding;
  }

  async #added(name: string, work: (number: number) => Promise<BuiltFile>): Promise<void> {
    if (this.#sealed)
      throw invalid(
        'the snapshot accepts no more files: await each writeFile before write returns',
      );
    if (!isFileName(name)) {
      throw invalid(`a file name has 1 to 64 of A-Z a-z 0-9 . _ -, got ${String(name)}`);
    }
    if (this.#names.has(name)) throw invalid(`the snapshot already has a file ${name}`);
    this.#names.add(name);
    checkManifestLimits(this.#names.size);
    this.#files.push(await work(this.#names.size));
  }

  async #write(
    name: string,
    number: number,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    headsOnly: boolean,
  ): Promise<WrittenFile> {
    const path = this.#folder.filePath(this.#name, number);
    const file = await translating(writeFailure, () =>
      this.#folder.fileSystem.open(path, 'create'),
    );
    try {
      const { codec, chunkBytes, level } = this.#form;
      const form = { codec, chunkBytes, salt: chunkSalt(this.#metadata, name) };
      const writer = new ChunkWriter(file, form, { level, headsOnly });
      for await (const chunk of untilAborted(chunks, this.#signal)) {
        if (!(chunk instanceof Uint8Array))
          throw invalid(`file ${name}: a chunk must be a Uint8Array`);
        await translating(writeFailure, () => writer.append(chunk));
      }
      return await translating(writeFailure, () => writer.end());
    } finally {
      await translating(writeFailure, () => file.close());
    }
  }
}

/**
 * Makes a linked file durable, because it may have been written a moment ago and the snapshot will
 * depend on it.
 */
async function makeDurable(outside: FileSystem, source: File, path: string): Promise<void> {
  // After these two syncs content and name of the file outside are durable. The snapshot that names
  // it is published later.
  await source.datasync();
  await outside.syncDirectory(dirname(path));
}

async function* contentOf(source: File, chunkBytes: number): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(chunkBytes);
  for (let position = 0; ; position += buffer.length) {
    const got = await translating(readFailure, () => source.read(buffer, position));
    if (got > 0) yield buffer.subarray(0, got);
    if (got < buffer.length) return;
  }
}

/** A missing source file is a mistake of the caller and not damage of a snapshot. */
function sourceFailure(cause: unknown): unknown {
  const failure = readFailure(cause);
  return isCorrupt(failure) ? invalid('the file to be linked does not exist', cause) : failure;
}

function checkOutsidePath(path: string): void {
  const fits = typeof path === 'string' && Buffer.byteLength(path) <= outsidePathBytesMax;
  if (fits && isAbsolute(path)) return;
  throw invalid(
    `a linked file needs an absolute path of at most ${outsidePathBytesMax} bytes, got ${path}`,
  );
}

function invalid(message: string, cause?: unknown): SnapshotError {
  return new SnapshotError('SNAPSHOT_INVALID', message, { cause });
}
