/**
 * The snapshots of one group on any file system: the calls of the port, and what is under way. It
 * keeps one invariant: what `list` says was whole and durable when it came in, and stays so while
 * it is listed or held. What exists is in `KeptSnapshots`, the durable steps in `SnapshotFolder`;
 * `DurableSnapshotManager` and `VolatileSnapshotManager` are this class on two file systems.
 * Making, receiving and reading run beside each other.
 */
import { setMaxListeners } from 'node:events';
import type { OpenSnapshot, SnapshotFiles, SnapshotManager, StoredSnapshot } from '@babuza/raft';
import type { SnapshotMetadata } from '@babuza/raftpb';
import { recordBytesMax, type FileSystem } from '@babuza/vfs';
import { SnapshotBuild } from './build.ts';
import { decodeManifest, storedBytesOf } from './format/manifest.ts';
import { checkedMetadata, checkId, type SnapshotContents } from './format/metadata-file.ts';
import { KeptSnapshots } from './kept-snapshots.ts';
import { openFolder } from './open-folder.ts';
import type { StorageForm } from './options.ts';
import { ReceivingParts } from './receiving-parts.ts';
import { SnapshotFolder, type SnapshotPlace } from './snapshot-folder.ts';
import { SnapshotError, translating, writeFailure } from './snapshot-error.ts';
import { reasonOf } from './until-aborted.ts';

export interface StorePlace {
  readonly durable: boolean;
  readonly fileSystem: FileSystem;
  /** Where linked files are. */
  readonly outside: FileSystem | undefined;
  readonly directory: string;
}

/** What there is once the manager is open. */
interface Opened {
  readonly folder: SnapshotFolder;
  readonly kept: KeptSnapshots;
  readonly parts: ReceivingParts;
}

export class StoredSnapshotManager implements SnapshotManager {
  readonly durable: boolean;
  readonly #place: StorePlace;
  readonly #form: StorageForm;
  readonly #running: Set<Promise<unknown>> = new Set();
  readonly #closing: AbortController = new AbortController();
  /** Ends of the creations under way, by name: a second one of the same waits. */
  readonly #creating: Map<string, Promise<void>> = new Map();
  #opening: Promise<Opened> | undefined;
  #opened: Opened | undefined;
  #closed: Promise<void> | undefined;

  constructor(place: StorePlace, form: StorageForm) {
    this.durable = place.durable;
    this.#place = place;
    this.#form = form;
  }

  open(groupId: bigint): Promise<readonly StoredSnapshot[]> {
    return this.#track(async () => {
      if (this.#opening !== undefined) throw invalid('a manager is opened once');
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
      // The second of two creations of one snapshot finds what the first has made, or tries itself.
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

  read(at: SnapshotPlace): Promise<OpenSnapshot> {
    return this.#run(async ({ kept }) => kept.pin(at));
  }

  verify(at: SnapshotPlace): Promise<boolean> {
    return this.#run(({ kept }) => kept.verify(at));
  }

  async *send(
    at: SnapshotPlace,
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
        throw invalid(`the snapshot has ${bytes} bytes; ${offset} is no place in it`);
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
    return this.#run(async ({ kept, parts }) => {
      const decoded = decodeManifest(manifest);
      const here = kept.existing().find(({ stored }) => stored.id === decoded.id);
      const isWhole =
        here !== undefined && (await kept.reviveWhole(here.stored.metadata)) !== undefined;
      return isWhole ? storedBytesOf(decoded) : await parts.measure(decoded.id, manifest);
    });
  }

  receive(
    metadata: SnapshotMetadata,
    manifest: Uint8Array,
    stream: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<StoredSnapshot> {
    return this.#run(async ({ folder, kept, parts }) => {
      const contents = arriving(folder.groupId, metadata, manifest);
      const existing = await kept.reviveWhole(contents.metadata);
      if (existing !== undefined) return existing;
      this.#checkSize(contents);
      return await parts.receive(contents, stream, this.#withClosing(signal), (part) =>
        kept.publish(part, contents),
      );
    });
  }

  retain(count: number): Promise<void> {
    return this.#run(async ({ kept }) => {
      if (!Number.isSafeInteger(count) || count < 1) {
        throw invalid(`at least 1 snapshot is retained, got ${count}`);
      }
      for (const old of kept.existing().slice(0, -count)) old.fate = 'goes';
      await kept.removeFree();
    });
  }

  remove(at: SnapshotPlace, options: { readonly evenNewest?: boolean } = {}): Promise<void> {
    return this.#run(async ({ kept }) => {
      const found = kept.find(at);
      // It may be going in another call, or an earlier call failed to remove it.
      if (found === undefined) return await kept.finishRemoval(at);
      if (options.evenNewest !== true && found === kept.existing().at(-1)) {
        throw invalid('the newest snapshot is not removed');
      }
      found.fate = 'goes';
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
    const { fileSystem, outside, directory } = this.#place;
    const folder = new SnapshotFolder(fileSystem, outside, directory, groupId);
    const kept = new KeptSnapshots(folder, await openFolder(folder));
    return { folder, kept, parts: new ReceivingParts(folder, this.#form.freeDiskBytesMin) };
  }

  async #existingOr(
    { kept }: Opened,
    at: SnapshotPlace,
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
        // Left over from an attempt that failed, and whose removal failed too.
        await folder.removeTree(temporary);
        await folder.begin(temporary);
      });
      const build = new SnapshotBuild(folder, temporary, metadata, this.#form, signal);
      await build.run(write);
      const contents = await translating(writeFailure, () => build.finish());
      throwIfAborted(signal);
      return await kept.publish(temporary, contents);
    } catch (error) {
      // What cannot be removed now is removed at the next opening.
      await folder.removeTree(temporary).catch(ignore);
      throw error;
    }
  }

  /** Before the first byte is stored. */
  #checkSize({ manifest }: SnapshotContents): void {
    const { snapshotBytesMax } = this.#form;
    const bytes = storedBytesOf(manifest);
    if (bytes <= snapshotBytesMax) return;
    throw new SnapshotError(
      'SNAPSHOT_TOO_LARGE',
      `snapshot ${manifest.id} has ${bytes} bytes, at most ${snapshotBytesMax} are taken (snapshotBytesMax)`,
    );
  }

  async #close(): Promise<void> {
    this.#closing.abort(closed());
    await this.#opened?.kept.closePinned();
    // What runs may have pinned something meanwhile.
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    await this.#opened?.kept.closePinned();
    await translating(writeFailure, async () => this.#opened?.folder.release());
  }

  /** A signal for one piece of work. */
  #withClosing(signal: AbortSignal | undefined): AbortSignal {
    const closing = this.#closing.signal;
    const either = AbortSignal.any(signal === undefined ? [closing] : [signal, closing]);
    // Any number of files may be written at once; Node.js would warn of more than ten.
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

/** What is known of a snapshot before it arrives; all of its files will be inside. */
function arriving(
  groupId: bigint,
  metadata: SnapshotMetadata,
  manifestBytes: Uint8Array,
): SnapshotContents {
  const checked = checkedMetadata(metadata);
  const manifest = decodeManifest(manifestBytes);
  checkId(groupId, checked, manifest, 'manifest');
  const places = manifest.files.map((_, at) => ({ number: at + 1 }));
  return { groupId, metadata: checked, manifest, manifestBytes: manifestBytes.slice(), places };
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
