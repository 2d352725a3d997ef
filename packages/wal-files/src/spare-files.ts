/**
 * Files for the next segment, made ready before they are needed: a purged segment that is written
 * again, or a new file filled with zeros. Overwriting blocks that exist costs a sync nothing extra;
 * a file that grows costs a journal commit with each sync.
 *
 * Filling goes gently while the log is written: small synced pieces with pauses, because one large
 * unsynced fill delays every commit beside it. A failure in the background belongs to the save that
 * needs the file: it is met again, and reported, there.
 */
import type { Environment, File, Timer } from '@babuza/vfs';

const pieceBytes: number = 256 * 1024;
const pauseMs = 5;

/** A file of the right length whose content does not matter, open for writing. */
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

/** How the files of a back end are called while they are no segments. */
export interface SpareNames {
  /** The file that is being prepared for this segment. */
  spare(segmentId: number): string;
  /** The file of a purged segment that waits for its next use. */
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

  /** Starts making a file ready in the background, unless there is one. Never throws. */
  prepareAhead(segmentId: number, bytes: number): void {
    if (this.#preparation !== undefined || this.#recycled.some((file) => file.bytes === bytes)) {
      return;
    }
    this.#preparation = this.#prepare(segmentId, bytes, true);
  }

  /** A file for this segment. What fails here fails before anything of a batch was written. */
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
      // Where the background failed, trying once more tells whether it still does.
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

  /** The name that a purged segment gets while it waits. */
  recycledPath(segmentId: number): string {
    return `${this.#directory}/${this.#names.recycled(segmentId)}`;
  }

  /**
   * Adds a purged segment, whose renaming is durable: else its new content could appear under its
   * old name.
   */
  addRecycled(path: string, bytes: number): void {
    this.#recycled.push({ path, bytes });
  }

  /** Stops the background work. Files that are left are removed at the next opening. */
  async close(): Promise<void> {
    const preparation = this.#preparation;
    this.#preparation = undefined;
    if (preparation !== undefined) await discard(this.#environment, preparation);
  }

  #prepare(segmentId: number, bytes: number, gently: boolean): Preparation {
    const path = `${this.#directory}/${this.#names.spare(segmentId)}`;
    const pace = new Pace(this.#environment, gently);
    const done = fill(this.#environment, path, bytes, pace);
    // The failure is met by whoever takes the file; until then it is nobody's.
    done.catch(() => undefined);
    return { bytes, done, hurry: () => pace.hurry(), stop: () => pace.stop() };
  }
}

/** Waits between pieces, until somebody is in a hurry. */
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
  // Left over from a preparation that failed.
  if ((await fileSystem.kindOf(path)) !== undefined) await fileSystem.unlink(path);
  const file = await fileSystem.open(path, 'create');
  try {
    const piece = new Uint8Array(Math.min(pieceBytes, bytes));
    for (let offset = 0; offset < bytes && !pace.stopped; offset += piece.length) {
      await file.write(piece.subarray(0, Math.min(piece.length, bytes - offset)), offset);
      // The zeros are durable: later writes of this file change no block map and no size.
      await file.datasync();
      await pace.pause();
    }
    return { path, file };
  } catch (error) {
    await file.close().catch(() => undefined);
    // What was filled takes space that somebody is short of.
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
    // Nobody waits for this file; an opening removes what is left of it.
  }
}
