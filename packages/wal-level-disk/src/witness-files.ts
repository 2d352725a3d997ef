/**
 * The witness as a file per group. It has two places, in sectors of their own, and the older one is
 * overwritten: a torn write leaves the other. All numbers are big-endian.
 *
 * ```
 *   0        8        12       16       24       32         36
 *   +--------+--------+--------+--------+--------+----------+
 *   | magic  | version| zero   | group  | batch  | checksum |      CRC-32 over the 32 bytes before it
 *   +--------+--------+--------+--------+--------+----------+
 *   at 0 and at 512; the file has 1,024 bytes, all others zero
 * ```
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { FileSystem } from '@babuza/vfs';
import type { Recollection, Witness } from '@babuza/wal-level';
import { translating } from './file-errors.ts';

const placeBytes = 512;
const places = 2;
const fileBytes: number = places * placeBytes;
const recordBytes = 36;
const checksumOffset = 32;
/** `babuzawt` */
const magic: bigint = 0x6261_6275_7a61_7774n;
const formatVersion = 1;
/** One that is called otherwise, such as a temporary one that a crash left, says nothing. */
const groupFile = /^[0-9a-f]{16}$/;

export class WitnessFiles implements Witness {
  readonly #directory: string;
  readonly #files: FileSystem;

  constructor(directory: string, files: FileSystem) {
    this.#directory = directory;
    this.#files = files;
  }

  recall(groupId: bigint): Promise<Recollection> {
    return translating(async () => {
      const file = this.#fileOf(groupId);
      if ((await this.#files.kindOf(file)) === undefined) return { kind: 'nothing' };
      const batches = await this.#read(file, groupId);
      const known = batches.filter((batch) => batch !== undefined);
      if (known.length === 0) return { kind: 'damaged', file };
      return { kind: 'batch', batch: Math.max(...known) };
    });
  }

  knowsAny(): Promise<boolean> {
    return translating(async () => {
      if ((await this.#files.kindOf(this.#directory)) === undefined) return false;
      const entries = await this.#files.list(this.#directory);
      return entries.some(({ name }) => groupFile.test(name));
    });
  }

  async remember(groupId: bigint, batch: number, durable: boolean): Promise<void> {
    const path = this.#fileOf(groupId);
    if ((await this.#files.kindOf(path)) === undefined) return this.#create(path, groupId, batch);
    const [first = -1, second = -1] = await this.#read(path, groupId);
    const file = await this.#files.open(path, 'write');
    try {
      await file.write(encodeWitness(groupId, batch), first <= second ? 0 : placeBytes);
      // Durable after it: the number. A crash just before leaves it, or one of the two before.
      if (durable) await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** The file appears whole, durably: one that is empty or torn was damaged later. */
  async #create(path: string, groupId: bigint, batch: number): Promise<void> {
    await this.#files.makeDirectory(this.#directory);
    const temporary = `${path}.tmp`;
    if ((await this.#files.kindOf(temporary)) !== undefined) await this.#files.unlink(temporary);
    const content = new Uint8Array(fileBytes);
    content.set(encodeWitness(groupId, batch));
    const file = await this.#files.open(temporary, 'create');
    try {
      await file.write(content, 0);
      await file.datasync();
    } finally {
      await file.close();
    }
    await this.#files.rename(temporary, path);
    await this.#files.syncDirectory(this.#directory);
  }

  async #read(path: string, groupId: bigint): Promise<(number | undefined)[]> {
    const file = await this.#files.open(path, 'read');
    try {
      const content = new Uint8Array(fileBytes);
      await file.read(content, 0);
      return Array.from({ length: places }, (_, at) =>
        decodeWitness(groupId, content.subarray(at * placeBytes)),
      );
    } finally {
      await file.close();
    }
  }

  #fileOf(groupId: bigint): string {
    return join(this.#directory, groupId.toString(16).padStart(16, '0'));
  }
}

/** What one place of the file holds. */
export function encodeWitness(groupId: bigint, batch: number): Uint8Array {
  const bytes = new Uint8Array(recordBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, magic);
  view.setUint32(8, formatVersion);
  view.setBigUint64(16, groupId);
  view.setBigUint64(24, BigInt(batch));
  view.setUint32(checksumOffset, crc32(bytes.subarray(0, checksumOffset)));
  return bytes;
}

/** The batch, or `undefined` for anything that is not a record of this group. */
export function decodeWitness(groupId: bigint, bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(checksumOffset) !== crc32(bytes.subarray(0, checksumOffset))) return undefined;
  if (view.getBigUint64(0) !== magic || view.getUint32(8) !== formatVersion) return undefined;
  if (view.getUint32(12) !== 0 || view.getBigUint64(16) !== groupId) return undefined;
  const batch = Number(view.getBigUint64(24));
  return Number.isSafeInteger(batch) ? batch : undefined;
}
