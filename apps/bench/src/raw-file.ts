/**
 * The floor: bytes written and synced on the calling thread into a file that was filled with zeros
 * before. No log can be faster than this without giving up a promise.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

export const rawFileBytes: number = 64 * 1024 * 1024;

export class RawFile {
  readonly #fd: number;
  #position = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'w+');
    const zeros = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < rawFileBytes; at += zeros.length)
      writeSync(this.#fd, zeros, 0, zeros.length, at);
    fsyncSync(this.#fd);
  }

  /** Writes at the next place, from the start again when the file is full. */
  write(bytes: Uint8Array): void {
    if (this.#position + bytes.length > rawFileBytes) this.#position = 0;
    writeSync(this.#fd, bytes, 0, bytes.length, this.#position);
    this.#position += bytes.length;
  }

  sync(): void {
    fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Reads a file from one end to the other and checksums all of it. Returns the bytes. */
export function readAndChecksum(path: string, buffer: Uint8Array): number {
  const fd = openSync(path, 'r');
  let bytes = 0;
  let checksum = 0;
  try {
    for (;;) {
      const read = readSync(fd, buffer, 0, buffer.length, bytes);
      if (read === 0) break;
      checksum = crc32(buffer.subarray(0, read), checksum);
      bytes += read;
    }
  } finally {
    closeSync(fd);
  }
  return bytes;
}
