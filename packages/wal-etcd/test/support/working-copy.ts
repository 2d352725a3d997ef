/** A directory on the real disk with the files of a fixture, which can be restored. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restore, writeSparse } from './archive.ts';

/** The modification time of untouched files. Every write changes it. */
const untouchedSeconds = 1;

export interface FileState {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/**
 * A directory in memory, if there is one: segments of 64 MB, nearly all zeros, are rewritten again
 * and again.
 */
export const scratchRoot: string = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export class WorkingCopy {
  readonly directory: string;
  readonly #root: string;
  readonly #original: ReadonlyMap<string, Uint8Array>;
  readonly #digests = new Map<string, string>();
  /**
   * The content of changed files at the last check: large files often change in the same way again.
   */
  readonly #changed = new Map<string, { readonly bytes: Buffer; readonly sha256: string }>();

  constructor(original: ReadonlyMap<string, Uint8Array>) {
    this.#root = fs.mkdtempSync(join(scratchRoot, 'babuza-etcd-'));
    this.directory = join(this.#root, 'wal');
    this.#original = original;
    fs.mkdirSync(this.directory);
    for (const [name, bytes] of original) {
      writeSparse(join(this.directory, name), bytes);
      this.#markUntouched(name);
    }
  }

  /** Restores the original content of every file, and removes other files. */
  reset(): void {
    for (const name of fs.readdirSync(this.directory)) {
      if (!this.#original.has(name)) fs.rmSync(join(this.directory, name));
    }
    for (const name of this.#original.keys()) {
      if (this.#isUntouched(name)) continue;
      const path = join(this.directory, name);
      if (fs.existsSync(path)) restore(path, this.#bytes(name));
      else writeSparse(path, this.#bytes(name));
      this.#markUntouched(name);
    }
  }

  /** The current files in order, without those that etcd prepares. */
  states(): FileState[] {
    return fs
      .readdirSync(this.directory)
      .filter((name) => !name.endsWith('.tmp'))
      .sort()
      .map((name) => this.#state(name));
  }

  /** The original files in order. */
  originalStates(): FileState[] {
    return [...this.#original]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { length }]) => ({ name, size: length, sha256: this.#originalDigest(name) }));
  }

  remove(): void {
    fs.rmSync(this.#root, { recursive: true });
  }

  #state(name: string): FileState {
    const path = join(this.directory, name);
    const size = fs.statSync(path).size;
    const sha256 = this.#isUntouched(name)
      ? this.#originalDigest(name)
      : this.#changedDigest(name, fs.readFileSync(path));
    return { name, size, sha256 };
  }

  #changedDigest(name: string, bytes: Buffer): string {
    const known = this.#changed.get(name);
    if (known?.bytes.equals(bytes) === true) return known.sha256;
    const sha256 = digest(bytes);
    this.#changed.set(name, { bytes, sha256 });
    return sha256;
  }

  #markUntouched(name: string): void {
    fs.utimesSync(join(this.directory, name), untouchedSeconds, untouchedSeconds);
  }

  #isUntouched(name: string): boolean {
    if (!this.#original.has(name)) return false;
    const stats = fs.statSync(join(this.directory, name), { throwIfNoEntry: false });
    return stats?.mtimeMs === untouchedSeconds * 1000;
  }

  #originalDigest(name: string): string {
    const known = this.#digests.get(name) ?? digest(this.#bytes(name));
    this.#digests.set(name, known);
    return known;
  }

  #bytes(name: string): Uint8Array {
    const bytes = this.#original.get(name);
    if (bytes === undefined) throw new Error(`no file ${name} in the fixture`);
    return bytes;
  }
}

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
