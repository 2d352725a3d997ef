/**
 * Prepares the file for the next segment before it is needed: a purged segment that is reused, or a
 * new file that is filled with zeros. A sync of overwritten blocks costs nothing extra, while each
 * sync of a growing file costs a commit of the file system's journal.
 *
 * A file is filled slowly while the log is being written, in small synced pieces with pauses,
 * because one large unsynced write delays every commit beside it. A failure in the background is
 * not reported: the save that needs the file tries again and reports it.
 */
import type { Environment, File, Timer } from '@babuza/vfs';

const pieceBytes: number = 256 * 1024;
const pauseMs = 5;

/** A file of the right length, open for writing. Its content does not matter. */
export interface SpareFile {
  readonly path: string;
  readonly file: File;
}

interface Preparation {
  readonly bytes: number;
  readonly done: Promise<SpareFile>;
  hurry(): void;
  stop(): void;
}

/** The names of the files of a back end while they are not segments. */
export interface SpareNames {
  /** The name of the file that is being prepared for this segment. */
  spare(segmentId: number): string;
  /** The name of the purged segment with this id until it is reused. */
  recycled(segmentId: number): string;
}

export class SpareFiles {
  readonly #environment: Environment;
  readonly #directory: string;
  readonly #names: SpareNames;
  readonly #recycledMax: number;
  readonly #recycled: { path: string; bytes: number }[] = [];
  #preparation: Preparation | undefined;

  constructor(environment: Environment, directory: string, names: SpareNames, recycledMax: number) {
    this.#environment = environment;
    this.#directory = directory;
    this.#names = names;
    this.#recycledMax = recycledMax;
  }

  /**
   * Starts to prepare a file in the background, unless one is ready or being prepared. Never
   * throws.
   */
  prepareAhead(segmentId: number, bytes: number): void {
    if (this.#preparation !== undefined || this.#recycled.some((file) => file.bytes === bytes)) {
      return;
    }
    this.#preparation = this.#prepare(segmentId, bytes, true);
  }

  /**
   * Returns a file for this segment. It is called before anything of a batch is written, so the log
   * is unchanged if it rejects.
   */
  async take(segmentId: number, bytes: number): Promise<SpareFile> {
    const at = this.#recycled.findIndex((file) => file.bytes === bytes);
    const recycled = this.#recycled[at];
    if (recycled !== undefined) {
      const file = await this.#environment.fileSystem.open(recycled.path, 'write');
      this.#recycled.splice(at, 1);
      return { path: recycled.path, file };
    }
    const preparation = this.#preparation;
    this.#preparation = undefined;
    if (preparation !== undefined && preparation.bytes === bytes) {
      preparation.hurry();
      // If the background work failed, one more attempt shows whether the cause is still there.
      const prepared = await preparation.done.catch(() => undefined);
      if (prepared !== undefined) return prepared;
    } else if (preparation !== undefined) {
      await discard(this.#environment, preparation);
    }
    return this.#prepare(segmentId, bytes, false).done;
  }

  /** How many more purged segments are worth keeping. */
  get wanted(): number {
    return this.#recycledMax - this.#recycled.length;
  }

  /** The path of a purged segment until it is reused. */
  recycledPath(segmentId: number): string {
    return `${this.#directory}/${this.#names.recycled(segmentId)}`;
  }

  /**
   * Adds a purged segment. Its rename must be durable: otherwise a crash could show its new content
   * under its old name.
   */
  addRecycled(path: string, bytes: number): void {
    this.#recycled.push({ path, bytes });
  }

  /** Stops the background work. The next opening removes files that are left. */
  async close(): Promise<void> {
    const preparation = this.#preparation;
    this.#preparation = undefined;
    if (preparation !== undefined) await discard(this.#environment, preparation);
  }

  #prepare(segmentId: number, bytes: number, gently: boolean): Preparation {
    const path = `${this.#directory}/${this.#names.spare(segmentId)}`;
    const pace = new Pace(this.#environment, gently);
    const done = fill(this.#environment, path, bytes, pace);
    // `take` handles a failure. If it is never called, the rejection must count as handled.
    done.catch(() => undefined);
    return { bytes, done, hurry: () => pace.hurry(), stop: () => pace.stop() };
  }
}

/** Pauses between pieces until `hurry` is called. */
class Pace {
  readonly #environment: Environment;
  #gentle: boolean;
  #stopped = false;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;

  constructor(environment: Environment, gentle: boolean) {
    this.#environment = environment;
    this.#gentle = gentle;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  pause(): Promise<void> {
    if (!this.#gentle || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#environment.clock.startTimer(pauseMs, resolve);
    });
  }

  hurry(): void {
    this.#gentle = false;
    this.#timer?.cancel();
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.hurry();
  }
}

async function fill(
  { fileSystem }: Environment,
  path: string,
  bytes: number,
  pace: Pace,
): Promise<SpareFile> {
  // A preparation that failed may have left a file.
  if ((await fileSystem.kindOf(path)) !== undefined) await fileSystem.unlink(path);
  const file = await fileSystem.open(path, 'create');
  try {
    const piece = new Uint8Array(Math.min(pieceBytes, bytes));
    for (let offset = 0; offset < bytes && !pace.stopped; offset += piece.length) {
      await file.write(piece.subarray(0, Math.min(piece.length, bytes - offset)), offset);
      // After this the zeros are durable, so later writes to this file change neither its size nor
      // its block map.
      await file.datasync();
      await pace.pause();
    }
    return { path, file };
  } catch (error) {
    await file.close().catch(() => undefined);
    // The partial file is useless and takes space.
    await fileSystem.unlink(path).catch(() => undefined);
    throw error;
  }
}

async function discard({ fileSystem }: Environment, preparation: Preparation): Promise<void> {
  preparation.stop();
  try {
    const { path, file } = await preparation.done;
    await file.close();
    await fileSystem.unlink(path);
  } catch {
    // No caller waits for this file. The next opening removes it if it is left.
  }
}
