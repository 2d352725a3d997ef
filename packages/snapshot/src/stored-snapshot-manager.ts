/**
 * The snapshots of one group on any file system. This class implements the port of `@babuza/raft`
 * and tracks the calls under way. Making, receiving and reading run concurrently.
 *
 * Invariant: every snapshot that `list` returns was complete and durable when it was added, and
 * stays so while it is listed or open.
 *
 * `KeptSnapshots` holds the existing snapshots, `SnapshotFolder` the durable steps.
 * `DurableSnapshotManager` and `VolatileSnapshotManager` are this class on two file systems.
 */
import { setMaxListeners } from 'node:events';
import type {
  OpenSnapshot,
  SnapshotFiles,
  SnapshotManager,
  StoredSnapshot,
} from '@babuza/raft/ports';
import type { SnapshotMetadata } from '@babuza/raftpb';
import { recordBytesMax, type FileSystem } from '@babuza/vfs';
import { SnapshotBuild } from './build.ts';
import { decodeManifest, storedBytesOf } from './format/manifest.ts';
import { checkedMetadata, checkId, type SnapshotContents } from './format/metadata-file.ts';
import { KeptSnapshots } from './kept-snapshots.ts';
import { openFolder } from './open-folder.ts';
import type { StorageForm } from './options.ts';
import { IncomingSnapshots } from './incoming-snapshots.ts';
import { SnapshotFolder, type SnapshotPosition } from './snapshot-folder.ts';
import { SnapshotError, translating, writeFailure } from './snapshot-error.ts';
import { reasonOf } from './until-aborted.ts';

export interface SnapshotStorage {
  readonly durable: boolean;
  readonly fileSystem: FileSystem;
  /** The file system of linked files. Absent if there are none. */
  readonly outside: FileSystem | undefined;
  readonly directory: string;
}

/** The parts of an open manager. */
interface Opened {
  readonly folder: SnapshotFolder;
  readonly kept: KeptSnapshots;
  readonly incoming: IncomingSnapshots;
}

export class StoredSnapshotManager implements SnapshotManager {
  readonly durable: boolean;
  readonly #storage: SnapshotStorage;
  readonly #form: StorageForm;
  readonly #running: Set<Promise<unknown>> = new Set();
  readonly #closing: AbortController = new AbortController();
  /**
   * The creations under way, by name. A second creation of the same snapshot waits for the first.
   */
  readonly #creating: Map<string, Promise<void>> = new Map();
  #opening: Promise<Opened> | undefined;
  #opened: Opened | undefined;
  #closed: Promise<void> | undefined;

  constructor(storage: SnapshotStorage, form: StorageForm) {
    this.durable = storage.durable;
    this.#storage = storage;
    this.#form = form;
  }

  open(groupId: bigint): Promise<readonly StoredSnapshot[]> {
    return this.#track(async () => {
      if (this.#opening !== undefined)
        throw invalid('the snapshot manager was opened before, and can be opened only once');
      this.#opening = this.#open(groupId);
      this.#opened = await this.#opening;
      return this.list();
    });
  }

  onLost(listener: (error: Error) => void): void {
    this.#opened?.folder.onLost(listener);
  }

  list(): readonly StoredSnapshot[] {
    return this.#opened?.kept.existing().map(({ stored }) => stored) ?? [];
  }

  create(
    metadata: SnapshotMetadata,
    write: (files: SnapshotFiles) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot> {
    return this.#run(async (opened) => {
      const checked = checkedMetadata(metadata);
      const name = opened.folder.nameOf(checked);
      // The second of two creations of one snapshot returns the result of the first, or runs if
      // that failed.
      while (this.#creating.has(name)) await this.#creating.get(name);
      const creating = this.#existingOr(opened, checked, () =>
        this.#create(opened, checked, write, this.#withClosing(signal)),
      );
      this.#creating.set(
        name,
        creating.then(ignore, ignore).finally(() => this.#creating.delete(name)),
      );
      return await creating;
    });
  }

  read(at: SnapshotPosition): Promise<OpenSnapshot> {
    return this.#run(async ({ kept }) => kept.pin(at));
  }

  verify(at: SnapshotPosition): Promise<boolean> {
    return this.#run(({ kept }) => kept.verify(at));
  }

  async *send(
    at: SnapshotPosition,
    offset = 0,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    throwIfAborted(signal);
    const pinned = await this.#run(async ({ kept }) => kept.pin(at));
    const close = (): void => void pinned.close();
    signal?.addEventListener('abort', close, { once: true });
    try {
      const { bytes } = pinned.snapshot;
      if (!Number.isSafeInteger(offset) || offset < 0 || offset > bytes) {
        throw invalid(
          `the offset must be an integer from 0 to ${bytes}, the size of the snapshot, got ${offset}`,
        );
      }
      yield* pinned.readStored(offset);
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', close);
      await pinned.close();
    }
  }

  received(manifest: Uint8Array): Promise<number> {
    return this.#run(async ({ kept, incoming }) => {
      const decoded = decodeManifest(manifest);
      const here = kept.existing().find(({ stored }) => stored.id === decoded.id);
      const isWhole =
        here !== undefined && (await kept.reviveWhole(here.stored.metadata)) !== undefined;
      return isWhole ? storedBytesOf(decoded) : await incoming.measure(decoded.id, manifest);
    });
  }

  receive(
    metadata: SnapshotMetadata,
    manifest: Uint8Array,
    stream: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot> {
    return this.#run(async ({ folder, kept, incoming }) => {
      const contents = arriving(folder.groupId, metadata, manifest);
      const existing = await kept.reviveWhole(contents.metadata);
      if (existing !== undefined) return existing;
      this.#checkSize(contents);
      return await incoming.receive(contents, stream, this.#withClosing(signal), (name) =>
        kept.publish(name, contents),
      );
    });
  }

  retain(count: number): Promise<void> {
    return this.#run(async ({ kept }) => {
      if (!Number.isSafeInteger(count) || count < 1) {
        throw invalid(`retain needs an integer of at least 1, got ${count}`);
      }
      for (const old of kept.existing().slice(0, -count)) old.removal = 'pending';
      await kept.removeFree();
    });
  }

  remove(at: SnapshotPosition, options: { readonly evenNewest?: boolean } = {}): Promise<void> {
    return this.#run(async ({ kept }) => {
      const found = kept.find(at);
      // Another call may be removing it, or an earlier call failed to remove it.
      if (found === undefined) return await kept.finishRemoval(at);
      if (options.evenNewest !== true && found === kept.existing().at(-1)) {
        throw invalid('the newest snapshot is removed only with evenNewest');
      }
      found.removal = 'pending';
      await kept.removeFree();
    });
  }

  removeAll(): Promise<void> {
    return this.#run(({ kept }) => kept.removeAll());
  }

  readIdentity(): Promise<Uint8Array | undefined> {
    return this.#run(({ kept }) => kept.readIdentity());
  }

  writeIdentity(bytes: Uint8Array): Promise<void> {
    return this.#run(async ({ kept }) => {
      if (!(bytes instanceof Uint8Array) || bytes.length > recordBytesMax) {
        const got = bytes instanceof Uint8Array ? `${bytes.length} bytes` : String(bytes);
        throw invalid(`an identity record has at most ${recordBytesMax} bytes, got ${got}`);
      }
      await kept.writeIdentity(bytes.slice());
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(groupId: bigint): Promise<Opened> {
    if (typeof groupId !== 'bigint' || groupId !== BigInt.asUintN(64, groupId)) {
      throw invalid(`a group id is a bigint of 64 bits, got ${String(groupId)}`);
    }
    const { fileSystem, outside, directory } = this.#storage;
    const folder = new SnapshotFolder(fileSystem, outside, directory, groupId);
    const kept = new KeptSnapshots(folder, await openFolder(folder));
    return { folder, kept, incoming: new IncomingSnapshots(folder, this.#form.freeDiskBytesMin) };
  }

  async #existingOr(
    { kept }: Opened,
    at: SnapshotPosition,
    make: () => Promise<StoredSnapshot>,
  ): Promise<StoredSnapshot> {
    return (await kept.reviveWhole(at)) ?? (await make());
  }

  async #create(
    { folder, kept }: Opened,
    metadata: SnapshotMetadata,
    write: (files: SnapshotFiles) => Promise<void>,
    signal: AbortSignal,
  ): Promise<StoredSnapshot> {
    const temporary = `${folder.nameOf(metadata)}.tmp`;
    throwIfAborted(signal);
    try {
      await translating(writeFailure, async () => {
        // An earlier attempt may have failed, and the removal of its files, too.
        await folder.removeTree(temporary);
        await folder.begin(temporary);
      });
      const build = new SnapshotBuild(folder, temporary, metadata, this.#form, signal);
      await build.run(write);
      const contents = await translating(writeFailure, () => build.finish());
      throwIfAborted(signal);
      return await kept.publish(temporary, contents);
    } catch (error) {
      // The next opening removes what cannot be removed now.
      await folder.removeTree(temporary).catch(ignore);
      throw error;
    }
  }

  /** Refuses a snapshot that is too large before its first byte is stored. */
  #checkSize({ manifest }: SnapshotContents): void {
    const { snapshotBytesMax } = this.#form;
    const bytes = storedBytesOf(manifest);
    if (bytes <= snapshotBytesMax) return;
    throw new SnapshotError(
      'SNAPSHOT_TOO_LARGE',
      `snapshot ${manifest.id} has ${bytes} bytes, at most ${snapshotBytesMax} are accepted (snapshotBytesMax). Nothing was received`,
    );
  }

  async #close(): Promise<void> {
    this.#closing.abort(closed());
    await this.#opened?.kept.closePinned();
    // A call under way may have opened a snapshot meanwhile.
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    await this.#opened?.kept.closePinned();
    await translating(writeFailure, async () => this.#opened?.folder.release());
  }

  /** A signal that fires with the given one or when the manager is closed. */
  #withClosing(signal: AbortSignal | undefined): AbortSignal {
    const closing = this.#closing.signal;
    const either = AbortSignal.any(signal === undefined ? [closing] : [signal, closing]);
    // Any number of files may be written at once, and Node.js would warn of more than ten
    // listeners.
    setMaxListeners(0, either);
    return either;
  }

  #run<Result>(work: (opened: Opened) => Promise<Result>): Promise<Result> {
    return this.#track(() => {
      if (this.#opened !== undefined) return work(this.#opened);
      throw new SnapshotError('SNAPSHOT_CLOSED', 'the snapshot manager is not open yet');
    });
  }

  /** Runs work that `close` waits for. */
  async #track<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed !== undefined) throw closed();
    const running = (async () => await work())();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

/** The contents of a snapshot before it arrives. All of its files will be stored inside. */
function arriving(
  groupId: bigint,
  metadata: SnapshotMetadata,
  manifestBytes: Uint8Array,
): SnapshotContents {
  const checked = checkedMetadata(metadata);
  const manifest = decodeManifest(manifestBytes);
  checkId(groupId, checked, manifest, 'manifest');
  const locations = manifest.files.map((_, at) => ({ number: at + 1 }));
  return { groupId, metadata: checked, manifest, manifestBytes: manifestBytes.slice(), locations };
}

function closed(): SnapshotError {
  return new SnapshotError('SNAPSHOT_CLOSED', 'the snapshot manager is closed');
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal);
}

function invalid(message: string): SnapshotError {
  return new SnapshotError('SNAPSHOT_INVALID', message);
}

function ignore(): void {}
