/**
 * Payloads with sizes around the buffer, cache and page sizes of the back ends. They are read one
 * by one, in ranges, and after a restart.
 */
import type { Entry } from '@babuza/raftpb';
import type { EntryStorage } from '../entry-storage.ts';
import { sameEntry } from './ledger-compare.ts';
import { entries, entry, entryText, texts } from './samples.ts';
import type { Suite } from './suite.ts';

const kibibyte = 1024;
/**
 * Differences to a size: the bytes that a record or a frame adds to a payload, and one byte less
 * and more.
 */
const smallSteps = [-81, -48, -41, -40, -39, -25, -9, -8, -1, 0, 1, 8];
const smallSizes = [512, 4 * kibibyte, 16 * kibibyte].flatMap((size) =>
  smallSteps.map((step) => size + step),
);
const largeSizes = [64, 128, 256, 512, 1024].flatMap((size) =>
  [-40, 0, 1].map((step) => size * kibibyte + step),
);

export function sizeTests(suite: Suite): void {
  for (const [name, sizes] of [
    ['small', smallSizes],
    ['large', largeSizes],
  ] as const) {
    suite.test(`${name} payloads around the sizes of buffers, saved together`, async (world) => {
      const { wal, storage } = await world.create();
      const written = sizes.map((bytes, at) => entry(at + 1, 1, bytes));
      await wal.save({ entries: written });
      checkReads(suite, storage, written);
      checkReads(suite, (await world.restart()).storage, written);
    });
  }

  suite.test('payloads around the sizes of buffers, saved one by one', async (world) => {
    const { wal, storage } = await world.create();
    const written = [...smallSizes, ...largeSizes.slice(0, 6)].map((bytes, at) =>
      entry(at + 1, 1, bytes),
    );
    await Promise.all(written.map((each) => wal.save({ entries: [each] })));
    checkReads(suite, storage, written);
    checkReads(suite, (await world.restart()).storage, written);
  });

  for (const count of [1023, 1024, 1025, 2049]) {
    suite.test(`${count} entries, some of which are replaced and some purged`, async (world) => {
      let opened = await world.create();
      const hardState = { term: 1, vote: 1n, commit: count - 20 };
      await opened.wal.save({ entries: entries(1, count, 1, 16), hardState });
      await opened.wal.save({ entries: entries(count - 5, count + 5, 2, 16) });
      const all = [...entries(1, count - 6, 1, 16), ...entries(count - 5, count + 5, 2, 16)];
      for (const toIndex of [0, 1, count - 23, count - 22, count - 21, count - 20]) {
        const report = await opened.wal.purge(toIndex);
        suite.expect(report.firstIndex).toBe(toIndex + 1);
        opened = await world.restart();
        const { storage } = opened;
        const kept = texts(all.slice(toIndex));
        const read = storage.entries(toIndex + 1, count + 6, Infinity);
        suite.expect(texts(read), `purged to ${toIndex}`).toEqual(kept);
        if (suite.target.capabilities.exactPurge) {
          suite.expect(storage.firstIndex(), `purged to ${toIndex}`).toBe(toIndex + 1);
        }
      }
      await opened.wal.save({ entries: [entry(count + 6, 2)] });
      suite.expect((await world.restart()).storage.lastIndex()).toBe(count + 6);
    });
  }
}

function checkReads(suite: Suite, storage: EntryStorage, written: readonly Entry[]): void {
  const end = written.length + 1;
  const single = written.flatMap(({ index }) => storage.entries(index, index + 1, 0));
  compare(suite, single, written, 'read one by one');
  for (const maxBytes of [4 * 1024, 256 * 1024, Infinity]) {
    const read: Entry[] = [];
    while (read.length < written.length) {
      read.push(...storage.entries(read.length + 1, end, maxBytes));
    }
    compare(suite, read, written, `read with at most ${maxBytes} bytes at a time`);
  }
}

function compare(
  suite: Suite,
  read: readonly Entry[],
  written: readonly Entry[],
  how: string,
): void {
  const wrong = written.filter((expected, at) => {
    const found = read[at];
    return found === undefined || !sameEntry(found, expected);
  });
  suite.expect(wrong.map(entryText), how).toEqual([]);
  suite.expect(read.length, how).toBe(written.length);
}
