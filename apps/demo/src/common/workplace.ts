/**
 * The temporary folder and the processes of a run. `dispose` ends the processes and removes the
 * folder: at the end, after a failure, and after Ctrl-C.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../argument-values.ts';

async function keptFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw new UsageError(`--dir: ${error instanceof Error ? error.message : String(error)}`);
  });
}

export class Workplace {
  readonly #temporary: string;
  /** The folder of the log: below the temporary folder, or the folder of `--dir`, which is kept. */
  readonly storageRoot: string;
  readonly isKept: boolean;
  readonly #closing = new Set<() => Promise<unknown>>();

  private constructor(temporary: string, kept: string | undefined) {
    this.#temporary = temporary;
    this.storageRoot = kept ?? join(temporary, 'node');
    this.isKept = kept !== undefined;
  }

  static async open(kept: string | undefined): Promise<Workplace> {
    if (kept !== undefined) await keptFolder(kept);
    const temporary = await mkdtemp(join(tmpdir(), 'babuza-demo-'));
    const workplace = new Workplace(temporary, kept);
    await mkdir(workplace.storageRoot, { recursive: true });
    return workplace;
  }

  /**
   * Registers a function that `dispose` calls before it removes the files. It may be called when
   * the thing that it closes is closed already.
   */
  closesFirst(close: () => Promise<unknown>): void {
    this.#closing.add(close);
  }

  /** Copies the files of the log, to damage the copy. No process may write the log meanwhile. */
  async copyLog(name: string): Promise<string> {
    const root = join(this.#temporary, name);
    await cp(join(this.storageRoot, 'wal'), join(root, 'wal'), { recursive: true });
    return root;
  }

  async removeCopy(root: string): Promise<void> {
    await rm(root, { recursive: true, force: true });
  }

  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#closing].map((close) => close()));
    await rm(this.#temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}
