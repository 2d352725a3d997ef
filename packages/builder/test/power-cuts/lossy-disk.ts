/** Mounts the file system of `tools/lossy-fs`, which drops unsynced data on demand. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { has, notRun } from '../../../wal-level-disk/test/support/tools.ts';

/**
 * Which changes of names survive: only those whose directory was synced, or a prefix of all in
 * order, as in the journals of ext4 and XFS.
 */
export type NameRule = 'names-by-directory' | 'names-in-order';

const sources = fileURLToPath(new URL('../../../../tools/lossy-fs', import.meta.url));

/** The file system was built, but the system does not allow to mount it. */
class CannotMountError extends Error {
  override readonly name = 'CannotMountError';
}

/** Whether the file system can be built and mounted here. If not, the reason is printed. */
export async function canCutPower(): Promise<boolean> {
  const what = 'power cuts on a lossy file system';
  const hasTools =
    has(what, 'gcc', '--version') &&
    has(what, 'make', '--version') &&
    has(what, 'pkg-config', '--exists', '--print-errors', 'fuse3') &&
    has(what, 'fusermount3', '--version') &&
    has(what, 'test', '-w', '/dev/fuse');
  if (!hasTools) return false;
  try {
    const disk = await LossyDisk.mount('names-by-directory');
    await disk.close();
    return true;
  } catch (error) {
    if (error instanceof CannotMountError) return notRun(`${what}: ${error.message}`);
    throw error;
  }
}

export class LossyDisk {
  /** The path at which the file system is mounted. */
  readonly directory: string;
  readonly #root: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  #waiting: { line: string; resolve: () => void; reject: (error: Error) => void } | undefined;
  #onOff: () => void = () => {};

  private constructor(root: string, rule: NameRule) {
    this.#root = root;
    this.directory = `${root}/disk`;
    this.#process = spawn(`${root}/lossy-fs`, [this.directory, rule], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#exited = new Promise((resolve) => {
      this.#process.on('close', () => {
        this.#waiting?.reject(new Error('the lossy file system ended before it answered'));
        resolve();
      });
    });
    const { stdout } = this.#process;
    if (stdout !== null) {
      createInterface({ input: stdout }).on('line', (line) => this.#heard(line));
    }
  }

  /** Builds the file system and mounts it in a temporary folder. */
  static async mount(rule: NameRule): Promise<LossyDisk> {
    const root = await mkdtemp(`${tmpdir()}/babuza-lossy-`);
    await mkdir(`${root}/disk`);
    execFileSync('make', ['-s', '-C', sources, `OUTPUT=${root}/lossy-fs`], { stdio: 'inherit' });
    const disk = new LossyDisk(root, rule);
    try {
      await disk.#expect('mounted');
    } catch (cause) {
      await disk.close();
      throw new CannotMountError('this user may not mount it', { cause });
    }
    return disk;
  }

  /**
   * Cuts the power at the n-th change or sync from now: every call fails from then on, until `cut`.
   * `onOff` is called when that happens.
   */
  async failPowerAfter(calls: number, onOff: () => void): Promise<void> {
    this.#onOff = onOff;
    await this.#command(`off-after ${calls}`, 'ok');
  }

  /**
   * Cuts the power now, if that has not happened yet, and restores it: the disk holds all synced
   * data, and of the rest what the seed selects. No process may have a file open.
   */
  async cut(seed: number): Promise<void> {
    this.#onOff = () => {};
    await this.#command(`cut ${seed}`, 'mounted');
  }

  async close(): Promise<void> {
    this.#process.stdin?.end();
    await this.#exited;
    // The mount remains after its process was killed.
    spawnSync('fusermount3', ['-u', '-q', '-z', this.directory]);
    await rm(this.#root, { recursive: true });
  }

  async #command(command: string, answer: string): Promise<void> {
    const answered = this.#expect(answer);
    this.#process.stdin?.write(`${command}\n`);
    await answered;
  }

  #expect(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { line, resolve, reject };
    });
  }

  #heard(line: string): void {
    if (line === 'off') {
      this.#onOff();
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting?.line === line) waiting.resolve();
    else waiting?.reject(new Error(`the lossy file system said ${line}, not ${waiting.line}`));
  }
}
