/**
 * What the demo leaves behind if nobody cleans up: a folder in the system's place for temporary files,
 * and processes. `dispose` gives all of it back, at the end, after a failure and after Ctrl-C.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WriterProcess } from './writer-process.ts';

export class Workplace {
  readonly #temporary: string;
  /** Where the log lies: below the temporary folder, or where the user said, and then it is kept. */
  readonly storageRoot: string;
  readonly isKept: boolean;
  readonly #writers = new Set<WriterProcess>();

  private constructor(temporary: string, kept: string | undefined) {
    this.#temporary = temporary;
    this.storageRoot = kept ?? join(temporary, 'node');
    this.isKept = kept !== undefined;
  }

  static async open(kept: string | undefined): Promise<Workplace> {
    const temporary = await mkdtemp(join(tmpdir(), 'babuza-demo-'));
    const workplace = new Workplace(temporary, kept);
    await mkdir(workplace.storageRoot, { recursive: true });
    return workplace;
  }

  startWriter(): WriterProcess {
    const writer = new WriterProcess();
    this.#writers.add(writer);
    return writer;
  }

  /** Copies the files of the log, which nobody writes meanwhile, to damage the copy. */
  async copyLog(name: string): Promise<string> {
    const root = join(this.#temporary, name);
    await cp(join(this.storageRoot, 'wal'), join(root, 'wal'), { recursive: true });
    return root;
  }

  async removeCopy(root: string): Promise<void> {
    await rm(root, { recursive: true, force: true });
  }

  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#writers].map((writer) => writer.kill()));
    await rm(this.#temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}
