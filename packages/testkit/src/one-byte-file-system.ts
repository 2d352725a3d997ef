/**
 * A file system that moves one byte per call of the file system below it and stores every byte
 * encoded. Code that relies on bytes it did not write sees garbage, and code that needs one write
 * to be one call of the disk fails.
 */
import { FileError } from '@babuza/vfs';
import type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  File,
  FileOperation,
  FileSystem,
  OpenMode,
} from '@babuza/vfs';

/** Wraps any file system. */
export class OneByteFileSystem implements FileSystem {
  readonly #below: FileSystem;

  constructor(below: FileSystem) {
    this.#below = below;
  }

  async open(path: string, mode: OpenMode): Promise<File> {
    return new OneByteFile(await this.#below.open(path, mode));
  }

  unlink(path: string): Promise<void> {
    return this.#below.unlink(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#below.rename(from, to);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#below.makeDirectory(path);
  }

  removeDirectory(path: string): Promise<void> {
    return this.#below.removeDirectory(path);
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.#below.list(path);
  }

  kindOf(path: string): Promise<EntryKind | undefined> {
    return this.#below.kindOf(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#below.syncDirectory(path);
  }

  lock(path: string): Promise<DirectoryLock> {
    return this.#below.lock(path);
  }

  foreignLock(path: string): Promise<string | undefined> {
    return this.#below.foreignLock(path);
  }
}

class OneByteFile implements File {
  readonly path: string;
  readonly #below: File;
  /** Calls in flight. One call here is many calls below, and `close` must not interrupt them. */
  readonly #inFlight: Set<Promise<unknown>> = new Set();
  #closed = false;

  constructor(below: File) {
    this.path = below.path;
    this.#below = below;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#run('read', async () => {
      // An empty read still has its arguments checked below.
      if (target.length === 0) return await this.#below.read(target, position);
      for (let index = 0; index < target.length; index += 1) {
        const one = target.subarray(index, index + 1);
        if ((await this.#below.read(one, position + index)) === 0) return index;
        one[0] = revealed(one[0] ?? 0);
      }
      return target.length;
    });
  }

  readSync(target: Uint8Array, position: number): number {
    this.#assertOpen('read');
    if (target.length === 0) return this.#below.readSync(target, position);
    for (let index = 0; index < target.length; index += 1) {
      const one = target.subarray(index, index + 1);
      if (this.#below.readSync(one, position + index) === 0) return index;
      one[0] = revealed(one[0] ?? 0);
    }
    return target.length;
  }

  write(data: Uint8Array, position: number): Promise<void> {
    return this.#run('write', () => this.#write(data, position));
  }

  writeSync(data: Uint8Array, position: number): void {
    this.#assertOpen('write');
    if (data.length === 0) this.#below.writeSync(data, position);
    for (const [index, byte] of data.entries()) {
      this.#below.writeSync(new Uint8Array([hidden(byte)]), position + index);
    }
  }

  writeDurable(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.#run('write-durable', async () => {
      // One durable write per byte would take minutes on a real disk; one sync at the end promises
      // the same.
      let at = position;
      for (const part of parts) {
        await this.#write(part, at);
        at += part.length;
      }
      await this.#below.datasync();
    });
  }

  writeDurableSync(parts: readonly Uint8Array[], position: number): void {
    this.#assertOpen('write-durable');
    let at = position;
    for (const part of parts) {
      this.writeSync(part, at);
      at += part.length;
    }
    this.#below.datasyncSync();
  }

  datasync(): Promise<void> {
    return this.#run('datasync', () => this.#below.datasync());
  }

  datasyncSync(): void {
    this.#assertOpen('datasync');
    this.#below.datasyncSync();
  }

  truncate(bytes: number): Promise<void> {
    return this.#run('truncate', () => this.#below.truncate(bytes));
  }

  size(): Promise<number> {
    return this.#run('size', () => this.#below.size());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#inFlight);
    await this.#below.close();
  }

  async #write(data: Uint8Array, position: number): Promise<void> {
    if (data.length === 0) await this.#below.write(data, position);
    for (const [index, byte] of data.entries()) {
      await this.#below.write(new Uint8Array([hidden(byte)]), position + index);
    }
  }

  async #run<T>(operation: FileOperation, call: () => Promise<T>): Promise<T> {
    this.#assertOpen(operation);
    const running = call();
    this.#inFlight.add(running);
    try {
      return await running;
    } finally {
      this.#inFlight.delete(running);
    }
  }

  #assertOpen(operation: FileOperation): void {
    if (this.#closed) throw new FileError('closed', operation, this.path);
  }
}

/** Maps each byte to another one. 0 stays 0, because a file may be extended with zeros. */
function hidden(byte: number): number {
  return byte === 0 ? 0 : (byte % 255) + 1;
}

function revealed(byte: number): number {
  return byte === 0 ? 0 : ((byte + 253) % 255) + 1;
}
