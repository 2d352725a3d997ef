/**
 * Complete reads and writes. The platform may move fewer bytes than requested, for instance when
 * the disk is nearly full, and Node.js then reports the smaller number *without an error*. So only
 * the loops in this file call read or write. They use callbacks because the promises of a
 * `FileHandle` cost measurably more.
 */
import fs from 'node:fs';
import { errnoOf } from './classify-error.ts';

type Done = (error: NodeJS.ErrnoException | null, bytes: number) => void;

/**
 * The six calls of the platform. Tests replace them by calls that are short, interrupted or
 * failing.
 */
export interface RawIo {
  read(fd: number, to: Uint8Array, at: number, bytes: number, position: number, done: Done): void;
  write(
    fd: number,
    data: Uint8Array,
    at: number,
    bytes: number,
    position: number,
    done: Done,
  ): void;
  writev(fd: number, parts: readonly Uint8Array[], position: number, done: Done): void;
  readSync(fd: number, to: Uint8Array, at: number, bytes: number, position: number): number;
  writeSync(fd: number, data: Uint8Array, at: number, bytes: number, position: number): number;
  writevSync(fd: number, parts: readonly Uint8Array[], position: number): number;
}

/** The calls of `node:fs`. */
export const nodeIo: RawIo = {
  read: (fd, to, at, bytes, position, done) => fs.read(fd, to, at, bytes, position, done),
  write: (fd, data, at, bytes, position, done) => fs.write(fd, data, at, bytes, position, done),
  writev: (fd, parts, position, done) => fs.writev(fd, parts, position, done),
  readSync: (fd, to, at, bytes, position) => fs.readSync(fd, to, at, bytes, position),
  writeSync: (fd, data, at, bytes, position) => fs.writeSync(fd, data, at, bytes, position),
  writevSync: (fd, parts, position) => fs.writevSync(fd, parts, position),
};

/**
 * The most bytes in one call. Linux moves at most 2 GiB less one page per call, and Node.js accepts
 * lengths below 2 GiB.
 */
const CALL_BYTES_MAX = 1024 * 1024 * 1024;

/** The most parts in one call: `IOV_MAX` of Linux and macOS. */
const CALL_PARTS_MAX = 1024;

/**
 * After this many calls in a row that moved no byte the loop fails, so that it cannot run for ever.
 */
const FRUITLESS_CALLS_MAX = 100;

/** Counts the bytes that were moved, and throws when too many calls in a row moved no byte. */
class Progress {
  bytes = 0;
  #fruitlessCalls = 0;

  moved(bytes: number): void {
    this.bytes += bytes;
    if (bytes > 0) this.#fruitlessCalls = 0;
    else this.#fruitless(undefined);
  }

  /** Returns if the call may be repeated; throws the error otherwise. */
  failed(error: unknown): void {
    const errno = errnoOf(error);
    if (errno !== 'EINTR' && errno !== 'EAGAIN') throw error;
    this.#fruitless(error);
  }

  #fruitless(error: unknown): void {
    this.#fruitlessCalls += 1;
    if (this.#fruitlessCalls < FRUITLESS_CALLS_MAX) return;
    throw error ?? new Error(`no byte was moved in ${FRUITLESS_CALLS_MAX} calls`);
  }
}

/**
 * Fills `target` from `position` on. Resolves with the number of bytes read, which is below
 * `target.length` only at the end of the file.
 */
export function readFully(
  fd: number,
  target: Uint8Array,
  position: number,
  io: RawIo = nodeIo,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const progress = new Progress();
    const step = (): void => {
      const rest = target.length - progress.bytes;
      if (rest === 0) return resolve(progress.bytes);
      const bytes = Math.min(rest, CALL_BYTES_MAX);
      io.read(fd, target, progress.bytes, bytes, position + progress.bytes, (error, moved) => {
        try {
          if (error !== null) progress.failed(error);
          else if (moved === 0) return resolve(progress.bytes);
          else progress.moved(moved);
          step();
        } catch (failure) {
          reject(failure);
        }
      });
    };
    step();
  });
}

/** The same as `readFully`, on the calling thread. */
export function readFullySync(
  fd: number,
  target: Uint8Array,
  position: number,
  io: RawIo = nodeIo,
): number {
  const progress = new Progress();
  while (progress.bytes < target.length) {
    const bytes = Math.min(target.length - progress.bytes, CALL_BYTES_MAX);
    try {
      const moved = io.readSync(fd, target, progress.bytes, bytes, position + progress.bytes);
      if (moved === 0) break;
      progress.moved(moved);
    } catch (error) {
      progress.failed(error);
    }
  }
  return progress.bytes;
}

/** Writes all `parts` one after the other at `position`, or rejects. */
export function writeFully(
  fd: number,
  parts: readonly Uint8Array[],
  position: number,
  io: RawIo = nodeIo,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const progress = new Progress();
    const queue = new PartQueue(parts);
    const done: Done = (error, moved) => {
      try {
        if (error !== null) progress.failed(error);
        else {
          progress.moved(moved);
          queue.drop(moved);
        }
        step();
      } catch (failure) {
        reject(failure);
      }
    };
    const step = (): void => {
      const next = queue.next();
      const [first] = next;
      const at = position + progress.bytes;
      if (first === undefined) resolve();
      else if (next.length === 1) io.write(fd, first, 0, first.length, at, done);
      else io.writev(fd, next, at, done);
    };
    step();
  });
}

/** The same as `writeFully`, on the calling thread. */
export function writeFullySync(
  fd: number,
  parts: readonly Uint8Array[],
  position: number,
  io: RawIo = nodeIo,
): void {
  const progress = new Progress();
  const queue = new PartQueue(parts);
  for (let next = queue.next(); next.length > 0; next = queue.next()) {
    const [first] = next;
    const at = position + progress.bytes;
    try {
      const moved =
        next.length === 1 && first !== undefined
          ? io.writeSync(fd, first, 0, first.length, at)
          : io.writevSync(fd, next, at);
      progress.moved(moved);
      queue.drop(moved);
    } catch (error) {
      progress.failed(error);
    }
  }
}

/** The parts that are not written yet. */
class PartQueue {
  #parts: readonly Uint8Array[];
  /** Parts before this one are written. */
  #index = 0;
  /** Bytes of the part at `#index` that are written. */
  #offset = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts.some((part) => part.length === 0 || part.length > CALL_BYTES_MAX)
      ? parts.flatMap(piecesOf)
      : parts;
  }

  /** The parts for the next call; empty when all bytes are written. */
  next(): readonly Uint8Array[] {
    if (this.#index === 0 && this.#offset === 0 && this.#parts.length === 1) return this.#parts;
    const batch: Uint8Array[] = [];
    let bytes = 0;
    for (let index = this.#index; index < this.#parts.length; index += 1) {
      let part = this.#parts[index];
      if (part === undefined || batch.length === CALL_PARTS_MAX) break;
      if (batch.length === 0 && this.#offset > 0) part = part.subarray(this.#offset);
      bytes += part.length;
      if (bytes > CALL_BYTES_MAX) break;
      batch.push(part);
    }
    return batch;
  }

  drop(bytes: number): void {
    let rest = bytes + this.#offset;
    let part = this.#parts[this.#index];
    while (part !== undefined && rest >= part.length) {
      rest -= part.length;
      this.#index += 1;
      part = this.#parts[this.#index];
    }
    this.#offset = rest;
  }
}

/** Cuts a part that is too large for one call into pieces. An empty part has no piece. */
function piecesOf(part: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < part.length; at += CALL_BYTES_MAX) {
    pieces.push(part.subarray(at, at + CALL_BYTES_MAX));
  }
  return pieces;
}
