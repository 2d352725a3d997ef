/**
 * Keeps the sync record of each group in a file. A file has two slots in separate disk sectors, and
 * a write replaces the older one, so a torn write leaves the other. All numbers are big-endian.
 *
 * ```
 *   0       8         12     16      24      32         36
 *   +-------+---------+------+-------+-------+----------+
 *   | magic | version | zero | group | batch | checksum |   CRC-32 over the 32 bytes before it
 *   +-------+---------+------+-------+-------+----------+
 *   at 0 and at 512; the file has 1,024 bytes, and all others are zero
 * ```
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { FileSystem } from '@babuza/vfs';
import type { StoredSyncRecord, SyncRecords } from '@babuza/wal-level';
import { translating } from './file-errors.ts';

const slotBytes = 512;
const slotCount = 2;
const fileBytes: number = slotCount * slotBytes;
const recordBytes = 36;
const checksumOffset = 32;
/** `babuzawt` */
const magic: bigint = 0x6261_6275_7a61_7774n;
const formatVersion = 1;
/**
 * The names of sync records. Other files, such as a temporary file that a crash left, are ignored.
 */
const groupFile = /^[0-9a-f]{16}$/;

export class SyncRecordFiles implements SyncRecords {
  readonly #directory: string;
  readonly #files: FileSystem;

  constructor(directory: string, files: FileSystem) {
    this.#directory = directory;
    this.#files = files;
  }

  read(groupId: bigint): Promise<StoredSyncRecord> {
    return translating(async () => {
      const file = this.#fileOf(groupId);
      if ((await this.#files.kindOf(file)) === undefined) return { kind: 'absent' };
      const batches = await this.#readSlots(file, groupId);
      const known = batches.filter((batch) => batch !== undefined);
      if (known.length === 0) return { kind: 'damaged', file };
      return { kind: 'batch', batch: Math.max(...known) };
    });
  }

  hasAny(): Promise<boolean> {
    return translating(async () => {
      if ((await this.#files.kindOf(this.#directory)) === undefined) return false;
      const entries = await this.#files.list(this.#directory);
      return entries.some(({ name }) => groupFile.test(name));
    });
  }

  async write(groupId: bigint, batch: number, durable: boolean): Promise<void> {
    const path = this.#fileOf(groupId);
    if ((await this.#files.kindOf(path)) === undefined) return this.#create(path, groupId, batch);
    const [first = -1, second = -1] = await this.#readSlots(path, groupId);
    const file = await this.#files.open(path, 'write');
    try {
      await file.write(encodeSyncRecord(groupId, batch), first <= second ? 0 : slotBytes);
      // After this sync the number is durable. A crash before it leaves this number or one of the
      // two before it.
      if (durable) await file.datasync();
    } finally {
      await file.close();
    }
  }

  /**
   * Creates a file that durably appears with its whole content. An empty or torn file was therefore
   * damaged later.
   */
  async #create(path: string, groupId: bigint, batch: number): Promise<void> {
    await this.#files.makeDirectory(this.#directory);
    const temporary = `${path}.tmp`;
    if ((await this.#files.kindOf(temporary)) !== undefined) await this.#files.unlink(temporary);
    const content = new Uint8Array(fileBytes);
    content.set(encodeSyncRecord(groupId, batch));
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

  async #readSlots(path: string, groupId: bigint): Promise<(number | undefined)[]> {
    const file = await this.#files.open(path, 'read');
    try {
      const content = new Uint8Array(fileBytes);
      await file.read(content, 0);
      return Array.from({ length: slotCount }, (_, at) =>
        decodeSyncRecord(groupId, content.subarray(at * slotBytes)),
      );
    } finally {
      await file.close();
    }
  }

  #fileOf(groupId: bigint): string {
    return join(this.#directory, groupId.toString(16).padStart(16, '0'));
  }
}

/** The content of one slot. */
export function encodeSyncRecord(groupId: bigint, batch: number): Uint8Array {
  const bytes = new Uint8Array(recordBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, magic);
  view.setUint32(8, formatVersion);
  view.setBigUint64(16, groupId);
  view.setBigUint64(24, BigInt(batch));
  view.setUint32(checksumOffset, crc32(bytes.subarray(0, checksumOffset)));
  return bytes;
}

/** The batch number in a slot, or `undefined` if the slot holds no valid record of this group. */
export function decodeSyncRecord(groupId: bigint, bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(checksumOffset) !== crc32(bytes.subarray(0, checksumOffset))) return undefined;
  if (view.getBigUint64(0) !== magic || view.getUint32(8) !== formatVersion) return undefined;
  if (view.getUint32(12) !== 0 || view.getBigUint64(16) !== groupId) return undefined;
  const batch = Number(view.getBigUint64(24));
  return Number.isSafeInteger(batch) ? batch : undefined;
}
