/**
 * A file system that moves one byte per call of the one below, and stores every byte changed. Whoever
 * reads or writes past the contract sees garbage, and whoever needs a write to be one call of the
 * disk fails.
 */
import type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  File,
  FileSystem,
  OpenMode,
} from '@babuza/vfs';

/** Any file system, one byte at a time. */
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
}

class OneByteFile implements File {
  readonly path: string;
  readonly #below: File;

  constructor(below: File) {
    this.path = below.path;
    this.#below = below;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    // A call without bytes still finds out that the handle is closed.
    if (target.length === 0) return await this.#below.read(target, position);
    for (let index = 0; index < target.length; index += 1) {
      const one = target.subarray(index, index + 1);
      if ((await this.#below.read(one, position + index)) === 0) return index;
      one[0] = revealed(one[0] ?? 0);
    }
    return target.length;
  }

  readSync(target: Uint8Array, position: number): number {
    if (target.length === 0) return this.#below.readSync(target, position);
    for (let index = 0; index < target.length; index += 1) {
      const one = target.subarray(index, index + 1);
      if (this.#below.readSync(one, position + index) === 0) return index;
      one[0] = revealed(one[0] ?? 0);
    }
    return target.length;
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    if (data.length === 0) return await this.#below.write(data, position);
    for (const [index, byte] of data.entries()) {
      await this.#below.write(new Uint8Array([hidden(byte)]), position + index);
    }
  }

  writeSync(data: Uint8Array, position: number): void {
    if (data.length === 0) this.#below.writeSync(data, position);
    for (const [index, byte] of data.entries()) {
      this.#below.writeSync(new Uint8Array([hidden(byte)]), position + index);
    }
  }

  async writeDurable(parts: readonly Uint8Array[], position: number): Promise<void> {
    // One durable write per byte would take minutes on a real disk; one sync promises as much.
    let at = position;
    for (const part of parts) {
      await this.write(part, at);
      at += part.length;
    }
    await this.#below.datasync();
  }

  writeDurableSync(parts: readonly Uint8Array[], position: number): void {
    let at = position;
    for (const part of parts) {
      this.writeSync(part, at);
      at += part.length;
    }
    this.#below.datasyncSync();
  }

  datasync(): Promise<void> {
    return this.#below.datasync();
  }

  datasyncSync(): void {
    this.#below.datasyncSync();
  }

  truncate(bytes: number): Promise<void> {
    return this.#below.truncate(bytes);
  }

  size(): Promise<number> {
    return this.#below.size();
  }

  close(): Promise<void> {
    return this.#below.close();
  }
}

/** Another byte for each byte; 0 stays, because a file may be extended by zeros. */
function hidden(byte: number): number {
  return byte === 0 ? 0 : (byte % 255) + 1;
}

function revealed(byte: number): number {
  return byte === 0 ? 0 : ((byte + 253) % 255) + 1;
}
