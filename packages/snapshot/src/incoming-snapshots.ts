/**
 * The transfers to this node. The files of an interrupted transfer are kept if it can be continued:
 * after an abort, when the stream failed or ended early, and when the system was short of a
 * resource. They are removed when bytes were wrong or the disk failed.
 */
import type { StoredSnapshot } from '@babuza/raft/ports';
import type { SnapshotContents } from './format/metadata-file.ts';
import type { SnapshotFolder } from './snapshot-folder.ts';
import {
  corrupt,
  isCorrupt,
  isShortage,
  readFailure,
  SnapshotError,
  translating,
  writeFailure,
} from './snapshot-error.ts';
import { incomingName, IncomingSnapshot } from './incoming-snapshot.ts';
import { untilAborted } from './until-aborted.ts';

export class IncomingSnapshots {
  readonly #folder: SnapshotFolder;
  readonly #freeDiskBytesMin: number;
  /** The ids of the snapshots that are being received. */
  readonly #busy: Set<string> = new Set();

  /** A transfer leaves at least `freeDiskBytesMin` bytes free on the disk. */
  constructor(folder: SnapshotFolder, freeDiskBytesMin: number) {
    this.#folder = folder;
    this.#freeDiskBytesMin = freeDiskBytesMin;
  }

  /** How many bytes of the stream of exactly this manifest are already stored. */
  async measure(id: string, manifest: Uint8Array): Promise<number> {
    this.#refuseBusy(id);
    try {
      const contents = await this.#folder.readContents(incomingName(id));
      // The same content in another codec or chunk size is another stream.
      if (Buffer.compare(contents.manifestBytes, manifest) !== 0) return 0;
      return await new IncomingSnapshot(this.#folder, contents).measure();
    } catch (cause) {
      const error = readFailure(cause);
      // Nothing usable is stored, so the transfer starts at byte 0.
      if (isCorrupt(error)) return 0;
      throw error;
    }
  }

  /** Stores the stream. `publish` turns the finished folder into a snapshot. */
  async receive(
    contents: SnapshotContents,
    stream: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    publish: (name: string) => Promise<StoredSnapshot>,
  ): Promise<StoredSnapshot> {
    const { id } = contents.manifest;
    this.#refuseBusy(id);
    this.#busy.add(id);
    const incoming = new IncomingSnapshot(this.#folder, contents);
    let hasFailed = false;
    const storing = <Result>(work: () => Promise<Result>): Promise<Result> =>
      translating((error) => {
        hasFailed ||= !isShortage(error);
        return writeFailure(error);
      }, work);
    try {
      await storing(() => this.#removeOthers());
      await storing(() => incoming.prepare());
      await storing(() => this.#checkRoom(id, incoming.missingBytes));
      for await (const bytes of untilAborted(stream, signal)) {
        await storing(() => incoming.take(checkedBytes(bytes)));
      }
      if (incoming.missingBytes > 0) {
        const details = { file: 'the stream', offset: incoming.takenBytes };
        throw corrupt(`the stream ends ${incoming.missingBytes} bytes too early`, details);
      }
      await storing(() => incoming.finish());
      return await storing(() => publish(incoming.name));
    } catch (error) {
      await incoming.close().catch(ignore);
      if (hasFailed) await this.#folder.removeTree(incoming.name).catch(ignore);
      throw error;
    } finally {
      this.#busy.delete(id);
    }
  }

  /** Refuses a snapshot that would fill the disk, which the log needs as well. */
  async #checkRoom(id: string, missingBytes: number): Promise<void> {
    const { fileSystem, path } = this.#folder;
    const freeBytes = await fileSystem.freeBytes(path);
    if (freeBytes - missingBytes >= this.#freeDiskBytesMin) return;
    throw new SnapshotError(
      'SNAPSHOT_NO_SPACE',
      `snapshot ${id} needs ${missingBytes} bytes and the disk has ${freeBytes} bytes free, of which ${this.#freeDiskBytesMin} must stay free (freeDiskBytesMin). Free disk space; the snapshot is sent again later`,
    );
  }

  /**
   * Refuses a second stream of the same snapshot. Both would write the same files, and if the
   * streams were joined one sender would never be read.
   */
  #refuseBusy(id: string): void {
    if (!this.#busy.has(id)) return;
    throw new SnapshotError(
      'SNAPSHOT_BUSY',
      `snapshot ${id} is already being received. Wait until that transfer ends, or abort it`,
    );
  }

  /**
   * Removes the files of other interrupted transfers. A new snapshot arrives, so nobody will
   * continue them.
   */
  async #removeOthers(): Promise<void> {
    const inUse = new Set([...this.#busy].map(incomingName));
    const { incoming } = await this.#folder.find();
    for (const name of incoming) if (!inUse.has(name)) await this.#folder.removeTree(name);
  }
}

function checkedBytes(bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new SnapshotError(
    'SNAPSHOT_INVALID',
    'the stream yields something that is not a Uint8Array',
  );
}

function ignore(): void {}
