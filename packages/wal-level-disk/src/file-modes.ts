/**
 * Restricts LevelDB's files to their owner (mode 0600), like the files of other logs. LevelDB
 * creates its files with mode 0644 and has no option for that, and the umask belongs to the whole
 * process. So this class changes the modes after LevelDB created a file: when the database was
 * opened, within a second after a write, and when the database was closed. Until then the directory
 * `db`, which has mode 0700, keeps other users out.
 */
import { join } from 'node:path';
import { restrictToUser, type Clock, type FileSystem, type Timer } from '@babuza/vfs';

/** The time between a write and the search for new files. */
const pauseMs = 1000;

export class FileModes {
  readonly #fileSystem: FileSystem;
  readonly #clock: Pick<Clock, 'startTimer'>;
  readonly #location: string;
  /**
   * The names of the files whose mode was changed. LevelDB does not reuse a name while it is open.
   */
  readonly #done = new Set<string>();
  #timer: Timer | undefined;
  #closed = false;

  /** `location` is LevelDB's directory. Each opening gets an object of its own. */
  constructor(fileSystem: FileSystem, clock: Pick<Clock, 'startTimer'>, location: string) {
    this.#fileSystem = fileSystem;
    this.#clock = clock;
    this.#location = location;
  }

  /** Starts a search after a write, because LevelDB may create files for it. */
  noticeWrite(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#clock.startTimer(pauseMs, () => void this.#searchAgain());
  }

  /** Changes the modes of all files that exist now. Never rejects. */
  async restrict(): Promise<void> {
    await this.#restrictNewFiles();
  }

  /** Changes the modes of the last files after LevelDB was closed. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#restrictNewFiles();
  }

  /**
   * Searches again as long as it finds new files, because a compaction goes on after the write that
   * started it.
   */
  async #searchAgain(): Promise<void> {
    const found = await this.#restrictNewFiles();
    this.#timer = undefined;
    if (found > 0) this.noticeWrite();
  }

  /** Changes the modes of new files and returns their number. */
  async #restrictNewFiles(): Promise<number> {
    // A directory that cannot be listed now is listed again after the next write.
    const entries = await this.#fileSystem.list(this.#location).catch(() => []);
    const added = entries.map(({ name }) => name).filter((name) => !this.#done.has(name));
    await Promise.all(added.map((name) => restrictToUser(join(this.#location, name))));
    for (const name of added) this.#done.add(name);
    return added.length;
  }
}
