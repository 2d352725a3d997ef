/**
 * Bit rot of an open log: entries that were intact at the opening are damaged before they are read.
 * Every read verifies its entries. The error names file, offset and entry, and concerns only that
 * read.
 */
import { describe, expect, it } from 'vitest';
import { EntryType } from '@babuza/raftpb';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { CorruptError, ReadFailedError, type OpenedWal } from '@babuza/wal-core';
import { metadata, openManager } from './support/workload.ts';

const entryBytes = 100;

/** An open log of nine entries without a cache, and its file. */
async function withOpenLog(
  run: (opened: OpenedWal, disk: SimulatedDisk, path: string) => Promise<void>,
): Promise<void> {
  const environment = simulatedEnvironment(1);
  const { fileSystem: disk } = environment;
  await runWorkload(environment, async () => {
    const manager = openManager(environment, { cache: { entriesMax: 0, bytesMax: 0 } });
    const opened = await manager.createWal(metadata);
    const entries = Array.from({ length: 9 }, (_, at) => ({
      index: at + 1,
      term: 1,
      type: EntryType.Normal,
      data: new Uint8Array(entryBytes).fill(at + 1),
    }));
    await opened.wal.save({ entries });
    const path = disk.surgery.files().find((name) => name.endsWith('.wal')) ?? '';
    await run(opened, disk, path);
  });
}

/** The offset of the payload of entry 5, found by its bytes. */
function payloadOf(disk: SimulatedDisk, path: string): number {
  return Buffer.from(disk.surgery.contents(path)).indexOf(Buffer.alloc(entryBytes, 5));
}

function failureOf(read: () => unknown): unknown {
  try {
    read();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a log that rots while it is open', () => {
  it('a flipped bit anywhere in an entry is detected by each read of it', async () => {
    await withOpenLog(async ({ storage }, disk, path) => {
      const payload = payloadOf(disk, path);
      const frame = payload - 40;
      for (let bit = frame * 8; bit < (payload + entryBytes) * 8; bit += 3) {
        disk.surgery.flipBit(path, bit);
        for (const [lo, hi] of [
          [5, 6],
          [3, 9],
        ] as const) {
          const error = failureOf(() => storage.entries(lo, hi, Infinity));
          expect(error, `bit ${bit}, entries from ${lo}`).toBeInstanceOf(CorruptError);
          expect(error).toMatchObject({ file: path, offset: frame, firstIndex: 5, lastIndex: 5 });
        }
        disk.surgery.flipBit(path, bit);
      }
      expect(storage.entries(1, 10, Infinity)).toHaveLength(9);
    });
  });

  it('the entries around it are read, and new ones saved', async () => {
    await withOpenLog(async ({ storage, wal }, disk, path) => {
      disk.surgery.flipBit(path, payloadOf(disk, path) * 8);
      expect(storage.entries(1, 5, Infinity)).toHaveLength(4);
      expect(storage.entries(6, 10, Infinity)).toHaveLength(4);
      await wal.save({
        entries: [{ index: 10, term: 1, type: EntryType.Normal, data: undefined }],
      });
      expect(storage.entries(6, 11, Infinity)).toHaveLength(5);
    });
  });

  it('a lost sector and a cut file are detected', async () => {
    await withOpenLog(async ({ storage }, disk, path) => {
      const payload = payloadOf(disk, path);
      const contents = disk.surgery.contents(path);
      disk.surgery.zero(path, payload - (payload % 512), 512);
      expect(failureOf(() => storage.entries(5, 6, Infinity))).toBeInstanceOf(CorruptError);
      disk.surgery.overwrite(path, 0, contents);
      disk.surgery.cut(path, payload + 10);
      expect(failureOf(() => storage.entries(5, 6, Infinity))).toBeInstanceOf(CorruptError);
    });
  });

  it('a sector that cannot be read is not reported as damage', async () => {
    await withOpenLog(async ({ storage }, disk, path) => {
      disk.surgery.makeUnreadable(path, payloadOf(disk, path), 1);
      expect(failureOf(() => storage.entries(5, 6, Infinity))).toBeInstanceOf(ReadFailedError);
      disk.surgery.makeReadable(path);
      expect(storage.entries(5, 6, Infinity)[0]?.data?.[0]).toBe(5);
    });
  });
});
