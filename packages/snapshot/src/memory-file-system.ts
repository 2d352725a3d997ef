/**
 * A file system in memory with the calls that snapshots need. Nothing is durable, and nothing
 * fails. `VolatileSnapshotManager` runs the code of durable snapshots on it, so both behave alike
 * and send the same bytes.
 */
import {
  FileError,
  type DirectoryEntry,
  type DirectoryLock,
  type EntryKind,
  type File,
  type FileOperation,
  type FileSystem,
  type OpenMode,
} from '@babuza/vfs';

interface Content {
  /** The allocated bytes, which may be more than `length`. */
  bytes: Uint8Array;
  length: number;
}

export class MemoryFileSystem implements FileSystem {
  readonly #files: Map<string, Content> = new Map();
  readonly #directories: Set<string> = new Set();

  async open(path: string, mode: OpenMode): Promise<File> {
    const found = this.#files.get(path);
    if (mode === 'create') {
      if (found !== undefined) throw new FileError('exists', 'open', path);
      const content = { bytes: new Uint8Array(0), length: 0 };
      this.#files.set(path, content);
      return new MemoryFile(path, content);
    }
    if (found === undefined) throw new FileError('not-found', 'open', path);
    return new MemoryFile(path, found);
  }

  async unlink(path: string): Promise<void> {
    if (!this.#files.delete(path)) throw new FileError('not-found', 'unlink', path);
  }

  async rename(from: string, to: string): Promise<void> {
    if ((await this.kindOf(from)) === undefined) throw new FileError('not-found', 'rename', from);
    // The loops run over copies, because renamed paths are added at the end.
    const renamed = (path: string): string => to + path.slice(from.length);
    const isBelow = (path: string): boolean => path === from || path.startsWith(`${from}/`);
    for (const [path, content] of Array.from(this.#files)) {
      if (!isBelow(path)) continue;
      this.#files.delete(path);
      this.#files.set(renamed(path), content);
    }
    for (const path of Array.from(this.#directories)) {
      if (!isBelow(path)) continue;
      this.#directories.delete(path);
      this.#directories.add(renamed(path));
    }
  }

  async makeDirectory(path: string): Promise<void> {
    this.#directories.add(path);
  }

  async removeDirectory(path: string): Promise<void> {
    this.#directories.delete(path);
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const names = (paths: Iterable<string>, kind: EntryKind): DirectoryEntry[] =>
      [...paths]
        .filter((each) => each.slice(0, each.lastIndexOf('/')) === path)
        .map((each) => ({ name: each.slice(path.length + 1), kind }));
    return [...names(this.#files.keys(), 'file'), ...names(this.#directories, 'directory')].sort(
      (a, b) => (a.name < b.name ? -1 : 1),
    );
  }

  async kindOf(path: string): Promise<EntryKind | undefined> {
    if (this.#files.has(path)) return 'file';
    return this.#directories.has(path) ? 'directory' : undefined;
  }

  async syncDirectory(): Promise<void> {}

  async lock(): Promise<DirectoryLock> {
    // No other process can reach these files.
    return {
      tookFromSilentOwner: false,
      isFresh: () => true,
      confirm: async () => {},
      onLost: () => {},
      release: async () => {},
    };
  }

  async foreignLock(): Promise<undefined> {
    return undefined;
  }
}

class MemoryFile implements File {
  readonly path: string;
  readonly #content: Content;
  #closed = false;

  constructor(path: string, content: Content) {
    this.path = path;
    this.#content = content;
  }

  readSync(target: Uint8Array, position: number): number {
    this.#assertOpen('read');
    const { bytes, length } = this.#content;
    const count = Math.max(0, Math.min(target.length, length - position));
    target.set(bytes.subarray(position, position + count));
    return count;
  }

  writeSync(data: Uint8Array, position: number): void {
    this.#assertOpen('write');
    this.#grow(position + data.length);
    this.#content.bytes.set(data, position);
  }

  writeDurableSync(parts: readonly Uint8Array[], position: number): void {
    let at = position;
    for (const part of parts) {
      this.writeSync(part, at);
      at += part.length;
    }
  }

  datasyncSync(): void {
    this.#assertOpen('datasync');
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position);
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    this.writeSync(data, position);
  }

  async writeDurable(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.writeDurableSync(parts, position);
  }

  async datasync(): Promise<void> {
    this.datasyncSync();
  }

  async truncate(bytes: number): Promise<void> {
    this.#assertOpen('truncate');
    this.#grow(bytes);
    this.#content.bytes.fill(0, bytes);
    this.#content.length = bytes;
  }

  async size(): Promise<number> {
    this.#assertOpen('size');
    return this.#content.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #grow(length: number): void {
    const content = this.#content;
    if (length > content.bytes.length) {
      const larger = new Uint8Array(Math.max(length, content.bytes.length * 2));
      larger.set(content.bytes);
      content.bytes = larger;
    }
    content.length = Math.max(content.length, length);
  }

  #assertOpen(operation: FileOperation): void {
    if (this.#closed) throw new FileError('closed', operation, this.path);
  }
}
