/**
 * Keeps the files of LevelDB for their user alone (mode 0600), as those of the other logs are.
 * LevelDB makes its files with mode 0644 and has no option for it, and the umask belongs to the
 * whole process. So the modes are changed after LevelDB has made a file: when the database was
 * opened, within a second after a write, and when the database was closed. Until then the directory
 * `db`, which is made with mode 0700, keeps others out.
 */
import { join } from 'node:path';
import { restrictToUser, type Clock, type FileSystem, type Timer } from '@babuza/vfs';

/** The pause between a write and the search for new files. */
const pauseMs = 1000;

export class FileModes {
  readonly #fileSystem: FileSystem;
  readonly #clock: Pick<Clock, 'startTimer'>;
  readonly #location: string;
  /** Names whose files have been changed. LevelDB reuses none of them while it is open. */
  readonly #done = new Set<string>();
  #timer: Timer | undefined;
  #closed = false;

  /** `location`: the directory of LevelDB. One object for each opening of it. */
  constructor(fileSystem: FileSystem, clock: Pick<Clock, 'startTimer'>, location: string) {
    this.#fileSystem = fileSystem;
    this.#clock = clock;
    this.#location = location;
  }

  /** LevelDB was written to, and may make files because of it. */
  noticeWrite(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#clock.startTimer(pauseMs, () => void this.#searchAgain());
  }

  /** Changes the modes of all files that are there now. Never rejects. */
  async restrict(): Promise<void> {
    await this.#restrictNewFiles();
  }

  /** For when LevelDB is closed: changes the modes of its last files. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#restrictNewFiles();
  }

  /**
   * A compaction goes on after the write that began it: each file that was found calls for another
   * search.
   */
  async #searchAgain(): Promise<void> {
    const found = await this.#restrictNewFiles();
    this.#timer = undefined;
    if (found > 0) this.noticeWrite();
  }

  /** Returns how many new files there were. */
  async #restrictNewFiles(): Promise<number> {
    // A directory that cannot be listed at the moment is listed again after the next write.
    const entries = await this.#fileSystem.list(this.#location).catch(() => []);
    const added = entries.map(({ name }) => name).filter((name) => !this.#done.has(name));
    await Promise.all(added.map((name) => restrictToUser(join(this.#location, name))));
    for (const name of added) this.#done.add(name);
    return added.length;
  }
}
