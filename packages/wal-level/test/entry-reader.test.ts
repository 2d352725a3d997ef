/** The reader of entries: what it promises to the storage, and how it uses the database. */
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { entryEncodedSize } from '@babuza/raftpb';
import { TermIndex } from '@babuza/wal-core/backend';
import { encodeEntries } from '../src/entry-encoding.ts';
import { LevelEntryReader } from '../src/entry-reader.ts';
import { bytesOnly } from '../src/index.ts';
import { GroupKeys } from '../src/keys.ts';
import type { LevelOperation } from '../src/database.ts';
import { entry } from './samples.ts';

const keys = new GroupKeys(3n);
/** The encoded sizes differ, so that a sum tells which entries are in it. */
const written = [entry(1, 1, 10), entry(2, 1, 20), entry(3, 2, 40), entry(4, 2, 80)];
const sizes = written.map((each) => entryEncodedSize(each));
const sizeOf = (count: number): number =>
  sizes.slice(0, count).reduce((sum, size) => sum + size, 0);

/** A database with the entries that counts its open snapshots. */
class CountingLevel extends MemoryLevel<Uint8Array, Uint8Array> {
  snapshotsOpen = 0;
  closingFails = false;

  constructor() {
    super({ ...bytesOnly, storeEncoding: 'view' });
  }

  override snapshot(): ReturnType<MemoryLevel<Uint8Array, Uint8Array>['snapshot']> {
    const snapshot = super.snapshot();
    const close = snapshot.close.bind(snapshot);
    this.snapshotsOpen += 1;
    const value = async (): Promise<void> => {
      this.snapshotsOpen -= 1;
      await close();
      if (this.closingFails) throw new Error('the test wants a snapshot that does not close');
    };
    return Object.defineProperty(snapshot, 'close', { value });
  }
}

async function filled() {
  const database = new CountingLevel();
  const operations: LevelOperation[] = [];
  encodeEntries(keys, written, operations);
  await database.batch(operations, bytesOnly);
  const index = new TermIndex();
  for (const each of written) index.append(each.index, each.term);
  const reader = new LevelEntryReader(database, keys, index, '/level');
  const indexesOf = (lo: number, hi: number, bytesMax: number): number[] =>
    reader.read(lo, hi, bytesMax).map((each) => each.index);
  return { database, index, reader, indexesOf };
}

describe('a read of entries', () => {
  it('returns as many as fit the size, and at least one', async () => {
    const { reader, indexesOf } = await filled();
    expect(reader.read(1, 5, Infinity)).toEqual(written);
    expect(indexesOf(2, 4, Infinity)).toEqual([2, 3]);
    for (let count = 1; count < 4; count += 1) {
      const exactly = Array.from({ length: count }, (_, at) => at + 1);
      expect(indexesOf(1, 5, sizeOf(count)), `${count} exactly`).toEqual(exactly);
      expect(indexesOf(1, 5, sizeOf(count + 1) - 1), `${count + 1} less one`).toEqual(exactly);
    }
    for (const bytesMax of [-1, 0, 1, sizeOf(1) - 1])
      expect(indexesOf(1, 5, bytesMax)).toEqual([1]);
  });

  it('that is full does not read the next entry, which may be damaged', async () => {
    const { database, reader, indexesOf } = await filled();
    await database.del(keys.entry(3), bytesOnly);
    expect(indexesOf(1, 5, sizeOf(2))).toEqual([1, 2]);
    expect(() => reader.read(1, 5, sizeOf(2) + 1)).toThrow(
      expect.objectContaining({
        code: 'WAL_CORRUPT',
        verdict: 'missing-entry',
        groupId: 3n,
        file: '/level',
        firstIndex: 3,
        lastIndex: 3,
      }),
    );
  });

  it('reports a damaged entry with its cause', async () => {
    const { database, reader } = await filled();
    await database.put(keys.entry(2), new Uint8Array(60), bytesOnly);
    const damaged = { code: 'WAL_CORRUPT', verdict: 'damaged-entry', firstIndex: 2, lastIndex: 2 };
    expect(() => reader.read(2, 3, Infinity)).toThrow(
      expect.objectContaining({ ...damaged, cause: expect.any(Error) }),
    );
  });

  it('reports an entry of another term than the log has there as damage', async () => {
    const { index, reader } = await filled();
    index.truncateFrom(4);
    index.append(4, 3);
    expect(() => reader.read(4, 5, Infinity)).toThrow('of term 2, expected entry 4 of term 3');
  });

  it('does not report an error of the program as damage of the log', async () => {
    const { index, reader } = await filled();
    const broken = new TypeError('the test wants an error of the program');
    Object.defineProperty(index, 'term', {
      value: () => {
        throw broken;
      },
    });
    expect(() => reader.read(1, 2, Infinity)).toThrow(broken);
  });
});

describe('a reader that is pinned', () => {
  it('sees the database as it was, and its current content after unpin', async () => {
    const { database, reader, indexesOf } = await filled();
    reader.pin();
    await database.del(keys.entry(2), bytesOnly);
    expect(indexesOf(2, 3, Infinity)).toEqual([2]);
    // Pinned again, the reader sees the content of this moment.
    reader.pin();
    expect(() => reader.read(2, 3, Infinity)).toThrow('the entry is missing');
    const operations: LevelOperation[] = [];
    encodeEntries(keys, written, operations);
    await database.batch(operations, bytesOnly);
    expect(() => reader.read(2, 3, Infinity)).toThrow('the entry is missing');
    reader.unpin();
    expect(indexesOf(2, 3, Infinity)).toEqual([2]);
  });

  it('closes each snapshot of the database, even if closing fails', async () => {
    const { database, reader, indexesOf } = await filled();
    reader.unpin();
    for (const closingFails of [false, true]) {
      database.closingFails = closingFails;
      reader.pin();
      reader.pin();
      expect(database.snapshotsOpen).toBe(1);
      reader.unpin();
      reader.unpin();
      expect(database.snapshotsOpen).toBe(0);
      // An unhandled rejection would end the process here.
      await new Promise((resolve) => setImmediate(resolve));
      expect(indexesOf(1, 5, Infinity)).toEqual([1, 2, 3, 4]);
    }
  });
});
