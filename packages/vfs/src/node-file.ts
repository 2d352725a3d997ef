/**
 * An open file of the real file system: one descriptor for reads, writes and syncs, and on Linux a
 * second one with `O_DSYNC` for `writeDurable`. Both are opened by one call, so that a later rename
 * cannot make them refer to different files.
 *
 * A descriptor is closed only when no call is in flight on it. The system reuses its number at
 * once, and a late write would go to another file.
 */
import fs from 'node:fs';
import { toFileError } from './classify-error.ts';
import { FileError } from './file-error.ts';
import type { FileOperation } from './file-error.ts';
import type { File, OpenMode } from './file-system.ts';
import { readFully, readFullySync, writeFully, writeFullySync } from './full-io.ts';
import { platform } from './platform.ts';
import { refuseOtherThanFile, regularFileFlags } from './regular-file.ts';

/** Opens a file in one of the three modes of the contract. Throws `FileError`. */
export async function openNodeFile(path: string, mode: OpenMode): Promise<File> {
  try {
    const fd = await openDescriptor(path, flagsOf(mode));
    try {
      // A file that was just created is certainly a regular file.
      if (mode !== 'create') await refuseOthers(fd, path);
      const durableFd =
        mode === 'read' || platform.durableWriteFlag === undefined
          ? undefined
          : await openDescriptor(path, fs.constants.O_WRONLY | platform.durableWriteFlag);
      return new NodeFile(path, mode, fd, durableFd);
    } catch (error) {
      await closeDescriptor(fd).catch(ignore);
      // If the file stayed, the next attempt would fail with `exists`.
      if (mode === 'create') await removeName(path).catch(ignore);
      throw error;
    }
  } catch (error) {
    throw toFileError(error, 'open', path);
  }
}

class NodeFile implements File {
  readonly path: string;
  readonly #mode: OpenMode;
  readonly #fd: number;
  readonly #durableFd: number | undefined;
  #closed = false;
  #callsInFlight = 0;
  #onIdle: (() => void) | undefined;

  constructor(path: string, mode: OpenMode, fd: number, durableFd: number | undefined) {
    this.path = path;
    this.#mode = mode;
    this.#fd = fd;
    this.#durableFd = durableFd;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#assertUsable('read', position);
    return await this.#run('read', readFully(this.#fd, target, position));
  }

  readSync(target: Uint8Array, position: number): number {
    this.#assertUsable('read', position);
    return this.#runSync('read', () => readFullySync(this.#fd, target, position));
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    this.#assertUsable('write', position);
    await this.#run('write', writeFully(this.#fd, [data], position));
  }

  writeSync(data: Uint8Array, position: number): void {
    this.#assertUsable('write', position);
    this.#runSync('write', () => writeFullySync(this.#fd, [data], position));
  }

  async writeDurable(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.#assertUsable('write-durable', position);
    await this.#run('write-durable', this.#writeAndSync(parts, position));
  }

  writeDurableSync(parts: readonly Uint8Array[], position: number): void {
    this.#assertUsable('write-durable', position);
    this.#runSync('write-durable', () => {
      writeFullySync(this.#durableFd ?? this.#fd, parts, position);
      // Without an `O_DSYNC` descriptor the bytes are durable only after this.
      if (this.#durableFd === undefined) fs.fdatasyncSync(this.#fd);
    });
  }

  async datasync(): Promise<void> {
    this.#assertUsable('datasync', 0);
    await this.#run('datasync', syncDescriptor(this.#fd));
  }

  datasyncSync(): void {
    this.#assertUsable('datasync', 0);
    this.#runSync('datasync', () => {
      fs.fdatasyncSync(this.#fd);
    });
  }

  async truncate(bytes: number): Promise<void> {
    this.#assertUsable('truncate', bytes);
    await this.#run('truncate', truncateDescriptor(this.#fd, bytes));
  }

  async size(): Promise<number> {
    this.#assertUsable('size', 0);
    const stats = await this.#run('size', statDescriptor(this.#fd));
    return stats.size;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#callsInFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    const descriptors = this.#durableFd === undefined ? [this.#fd] : [this.#fd, this.#durableFd];
    // Both are closed even if the first close fails. The first failure is reported.
    const results = await Promise.allSettled(descriptors.map(closeDescriptor));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw toFileError(failed.reason, 'close', this.path);
  }

  async #writeAndSync(parts: readonly Uint8Array[], position: number): Promise<void> {
    await writeFully(this.#durableFd ?? this.#fd, parts, position);
    // Without an `O_DSYNC` descriptor the bytes are durable only after this.
    if (this.#durableFd === undefined) await syncDescriptor(this.#fd);
  }

  async #run<T>(operation: FileOperation, call: Promise<T>): Promise<T> {
    this.#callsInFlight += 1;
    try {
      return await call;
    } catch (error) {
      throw toFileError(error, operation, this.path);
    } finally {
      this.#callsInFlight -= 1;
      if (this.#callsInFlight === 0) this.#onIdle?.();
    }
  }

  #runSync<T>(operation: FileOperation, call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw toFileError(error, operation, this.path);
    }
  }

  #assertUsable(operation: FileOperation, offset: number): void {
    if (this.#closed) throw new FileError('closed', operation, this.path);
    if (this.#mode === 'read' && WRITES.has(operation)) {
      throw new FileError('permission', operation, this.path, { detail: 'opened for reading' });
    }
    // Node.js takes a position that is not a number for "where the last call ended".
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`${operation} ${this.path}: ${offset} is not a valid offset`);
    }
  }
}

const WRITES: ReadonlySet<FileOperation> = new Set(['write', 'write-durable', 'truncate']);

function flagsOf(mode: OpenMode): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  if (mode === 'read') return O_RDONLY;
  return mode === 'write' ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
}

/**
 * Throws unless the descriptor is that of a regular file. Linux opens a directory for reading
 * without an error and fails only at the first read.
 */
async function refuseOthers(fd: number, path: string): Promise<void> {
  const stats = await statDescriptor(fd);
  if (stats.isDirectory()) throw new FileError('is-a-directory', 'open', path, { errno: 'EISDIR' });
  refuseOtherThanFile(stats, 'open', path);
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags | regularFileFlags, 0o600, (error, fd) => {
      if (error === null) resolve(fd);
      else reject(error);
    });
  });
}

function closeDescriptor(fd: number): Promise<void> {
  return settle((done) => fs.close(fd, done));
}

function syncDescriptor(fd: number): Promise<void> {
  return settle((done) => fs.fdatasync(fd, done));
}

function truncateDescriptor(fd: number, bytes: number): Promise<void> {
  return settle((done) => fs.ftruncate(fd, bytes, done));
}

function removeName(path: string): Promise<void> {
  return settle((done) => fs.unlink(path, done));
}

function statDescriptor(fd: number): Promise<fs.Stats> {
  return new Promise((resolve, reject) => {
    fs.fstat(fd, (error, stats) => {
      if (error === null) resolve(stats);
      else reject(error);
    });
  });
}

function settle(call: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

function ignore(): void {}
