/** Reads `.tar.gz` archives in the ustar format, and writes their files as sparse files. */
import fs from 'node:fs';
import { gunzipSync } from 'node:zlib';

const blockBytes = 512;
const unpackedBytesMax: number = 2 ** 31;

/** Bytes of a block that is skipped if it is all zeros. */
const zeros: Buffer = Buffer.alloc(64 * 1024);

/** Returns the regular files of an archive by their paths. They share one buffer. */
export function readArchive(path: string): Map<string, Buffer> {
  const tar = gunzipSync(fs.readFileSync(path), { maxOutputLength: unpackedBytesMax });
  const files = new Map<string, Buffer>();
  for (let at = 0; at + blockBytes <= tar.length;) {
    const head = tar.subarray(at, at + blockBytes);
    if (head[0] === 0) break;
    const bytes = Number.parseInt(text(head, 124, 12), 8);
    const prefix = text(head, 345, 155);
    const name = prefix === '' ? text(head, 0, 100) : `${prefix}/${text(head, 0, 100)}`;
    const start = at + blockBytes;
    const kind = text(head, 156, 1);
    if (kind === '0' || kind === '') files.set(name, tar.subarray(start, start + bytes));
    else if (kind !== '5') throw new Error(`${path}: ${name} is of the unknown kind ${kind}`);
    at = start + Math.ceil(bytes / blockBytes) * blockBytes;
  }
  return files;
}

/** Returns the files of one folder of an archive by their names. */
export function filesOfFolder(
  files: ReadonlyMap<string, Buffer>,
  folder: string,
): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const [path, bytes] of files) {
    if (path.startsWith(`${folder}/`)) found.set(path.slice(folder.length + 1), bytes);
  }
  return found;
}

/** Creates a file with this content. Long runs of zeros become holes. */
export function writeSparse(path: string, bytes: Uint8Array): void {
  const file = fs.openSync(path, 'w', 0o600);
  try {
    fs.ftruncateSync(file, bytes.length);
    for (const [start, end] of pieces(bytes)) fs.writeSync(file, bytes, start, end - start, start);
  } finally {
    fs.closeSync(file);
  }
}

/** Restores the content of an existing file by writing the differences only. */
export function restore(path: string, bytes: Uint8Array): void {
  const file = fs.openSync(path, 'r+');
  try {
    fs.ftruncateSync(file, bytes.length);
    const buffer = Buffer.alloc(zeros.length);
    for (let at = 0; at < bytes.length; at += buffer.length) {
      const end = Math.min(at + buffer.length, bytes.length);
      fs.readSync(file, buffer, 0, end - at, at);
      if (buffer.compare(bytes, at, end, 0, end - at) === 0) continue;
      fs.writeSync(file, bytes, at, end - at, at);
    }
  } finally {
    fs.closeSync(file);
  }
}

/** The ranges between long runs of zeros. */
function* pieces(bytes: Uint8Array): Generator<[number, number]> {
  let start = -1;
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const end = Math.min(at + zeros.length, bytes.length);
    const isZero = zeros.compare(bytes, at, end, 0, end - at) === 0;
    if (!isZero && start === -1) start = at;
    if (isZero && start !== -1) {
      yield [start, at];
      start = -1;
    }
  }
  if (start !== -1) yield [start, bytes.length];
}

function text(head: Buffer, start: number, length: number): string {
  const field = head.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end).trim();
}
