/**
 * The transfers to this node. What an interrupted one left is kept where it can be continued: after
 * an abort, and where the stream failed or ended early, or the system was short of something. It is
 * dropped where the bytes were wrong, or the disk failed.
 */
import type { StoredSnapshot } from '@babuza/raft';
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
import { partName, SnapshotPart } from './part.ts';
import { untilAborted } from './until-aborted.ts';

export class ReceivingParts {
  readonly #folder: SnapshotFolder;
  readonly #freeDiskBytesMin: number;
  /** Ids of snapshots that are being received. */
  readonly #busy: Set<string> = new Set();

  /** A transfer leaves at least `freeDiskBytesMin` bytes free on the disk. */
  constructor(folder: SnapshotFolder, freeDiskBytesMin: number) {
    this.#folder = folder;
    this.#freeDiskBytesMin = freeDiskBytesMin;
  }

  /** How many bytes of the stream of exactly this manifest are here. */
  async measure(id: string, manifest: Uint8Array): Promise<number> {
    this.#refuseBusy(id);
    try {
      const contents = await this.#folder.readContents(partName(id));
      // The same content stored in another way is another stream.
      if (Buffer.compare(contents.manifestBytes, manifest) !== 0) return 0;
      return await new SnapshotPart(this.#folder, contents).measure();
    } catch (cause) {
      const error = readFailure(cause);
      // Nothing here, or not worth more than nothing: it is begun anew.
      if (isCorrupt(error)) return 0;
      throw error;
    }
  }

  /** Takes the stream; `publish` turns the finished folder into a snapshot. */
  async receive(
    contents: SnapshotContents,
    stream: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    publish: (name: string) => Promise<StoredSnapshot>,
  ): Promise<StoredSnapshot> {
    const { id } = contents.manifest;
    this.#refuseBusy(id);
    this.#busy.add(id);
    const part = new SnapshotPart(this.#folder, contents);
    let isLost = false;
    const ours = <Result>(work: () => Promise<Result>): Promise<Result> =>
      translating((error) => {
        isLost ||= !isShortage(error);
        return writeFailure(error);
      }, work);
    try {
      await ours(() => this.#removeOthers());
      await ours(() => part.prepare());
      await ours(() => this.#checkRoom(id, part.missingBytes));
      for await (const bytes of untilAborted(stream, signal)) {
        await ours(() => part.take(checkedBytes(bytes)));
      }
      if (part.missingBytes > 0) {
        const details = { file: 'the stream', offset: part.takenBytes };
        throw corrupt(`the stream ends ${part.missingBytes} bytes too early`, details);
      }
      await ours(() => part.finish());
      return await ours(() => publish(part.name));
    } catch (error) {
      await part.close().catch(ignore);
      if (isLost) await this.#folder.removeTree(part.name).catch(ignore);
      throw error;
    } finally {
      this.#busy.delete(id);
    }
  }

  /** A snapshot that does not fit would fill the disk for the log as well. */
  async #checkRoom(id: string, missingBytes: number): Promise<void> {
    const { fileSystem, path } = this.#folder;
    const freeBytes = await fileSystem.freeBytes(path);
    if (freeBytes - missingBytes >= this.#freeDiskBytesMin) return;
    throw new SnapshotError(
      'SNAPSHOT_NO_SPACE',
      `snapshot ${id} needs ${missingBytes} bytes and the disk has ${freeBytes} free, of which ${this.#freeDiskBytesMin} are kept (freeDiskBytesMin); free space, and it is sent again`,
    );
  }

  /**
   * Two streams into one folder would be a mixture; and joining them would leave one sender unread.
   */
  #refuseBusy(id: string): void {
    if (!this.#busy.has(id)) return;
    throw new SnapshotError('SNAPSHOT_BUSY', `snapshot ${id} is being received`);
  }

  /** Another snapshot arrives: what was interrupted before is not asked for any more. */
  async #removeOthers(): Promise<void> {
    const inUse = new Set([...this.#busy].map(partName));
    const { parts } = await this.#folder.find();
    for (const name of parts) if (!inUse.has(name)) await this.#folder.removeTree(name);
  }
}

function checkedBytes(bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new SnapshotError('SNAPSHOT_INVALID', 'the stream gives something that is no Uint8Array');
}

function ignore(): void {}
