/** Limits: a log refuses to write what it could not read back. */
import { entryEncodedSize, type Entry } from '@babuza/raftpb';
import { batchBytesMax, entryBytesMaxDefault, metadataExtraBytesMax } from '../options.ts';
import { rejectionOf } from './failures.ts';
import { contentOf, entries, entry, texts } from './samples.ts';
import { sampleMetadata, type Suite } from './suite.ts';

/** Returns an entry of exactly this encoded size. */
function entryOfSize(index: number, bytes: number): Entry {
  let dataBytes = bytes;
  while (entryEncodedSize({ index, term: 1, type: 0, data: new Uint8Array(dataBytes) }) > bytes) {
    dataBytes -= 1;
  }
  return entry(index, 1, dataBytes);
}

export function limitsTests(suite: Suite): void {
  suite.test(
    'an entry of exactly the limit is stored, an entry of one byte more is refused',
    async (world) => {
      const limit = 2000;
      const opened = await world.create({ ...sampleMetadata, entryBytesMax: limit });
      const { wal } = opened;
      const largest = entryOfSize(1, limit);
      suite.expect(entryEncodedSize(largest)).toBe(limit);
      await wal.save({ entries: [largest] });
      const before = contentOf(opened);
      const over = entryOfSize(2, limit + 1);
      suite.expect(await rejectionOf(wal.save({ entries: [over] }))).toBe('WAL_TOO_LARGE');
      const batch = [entry(2, 1), entryOfSize(3, limit + 1)];
      suite.expect(await rejectionOf(wal.save({ entries: batch }))).toBe('WAL_TOO_LARGE');
      suite.expect(contentOf(opened)).toEqual(before);
      // The limit belongs to the log, so it holds after a restart too.
      const again = await world.restart();
      suite.expect(contentOf(again)).toEqual(before);
      suite.expect(again.metadata.entryBytesMax).toBe(limit);
      suite.expect(await rejectionOf(again.wal.save({ entries: [over] }))).toBe('WAL_TOO_LARGE');
      await again.wal.save({ entries: [entryOfSize(2, limit)] });
      await again.wal.save({ entries: [entryOfSize(3, limit - 1)] });
      suite.expect(again.storage.lastIndex()).toBe(3);
    },
  );

  suite.test('an entry of the default limit is stored and can be read', async (world) => {
    const { wal, storage, metadata } = await world.create();
    suite.expect(metadata.entryBytesMax).toBe(entryBytesMaxDefault);
    const written = [entry(1, 1), entryOfSize(2, entryBytesMaxDefault), entry(3, 1)];
    await wal.save({ entries: written });
    const expected = texts(written);
    suite.expect(texts(storage.entries(1, 4, Infinity))).toEqual(expected);
    const again = await world.restart();
    suite.expect(texts(again.storage.entries(1, 4, Infinity))).toEqual(expected);
    const over = entryOfSize(4, entryBytesMaxDefault + 1);
    suite.expect(await rejectionOf(again.wal.save({ entries: [over] }))).toBe('WAL_TOO_LARGE');
  });

  suite.test('a batch above the limit is refused and leaves the log unchanged', async (world) => {
    const opened = await world.create();
    await opened.wal.save({ entries: entries(1, 2, 1) });
    const before = contentOf(opened);
    const data = new Uint8Array(entryBytesMaxDefault - 100);
    const count = Math.floor(batchBytesMax / data.length) + 1;
    const batch = Array.from(
      { length: count },
      (_, at) => ({ index: at + 3, term: 1, type: 0, data }) as const,
    );
    suite.expect(await rejectionOf(opened.wal.save({ entries: batch }))).toBe('WAL_TOO_LARGE');
    suite.expect(contentOf(opened)).toEqual(before);
    await opened.wal.save({ entries: [entry(3, 1)] });
    suite.expect((await world.restart()).storage.lastIndex()).toBe(3);
  });

  suite.test('metadata outside the limits is refused, and no log is created', async (world) => {
    const manager = await world.manager();
    const { entryBytesMax } = suite.target.capabilities;
    const refused = [
      { entryBytesMax: entryBytesMax + 1 },
      { entryBytesMax: 1023 },
      { entryBytesMax: 5000.5 },
      { extra: new Uint8Array(metadataExtraBytesMax + 1) },
      { nodeId: -1n },
      { nodeId: 2n ** 64n },
      { clusterId: 1.5 },
      { clusterId: 2 ** 53 },
    ];
    for (const wrong of refused) {
      const creating = manager.createWal({ ...sampleMetadata, ...wrong });
      suite.expect(await rejectionOf(creating), Object.keys(wrong).join()).toBe('WAL_INVALID');
    }
    for (const groupId of [-1n, 2n ** 64n, 0.5]) {
      const creating = manager.createWal(sampleMetadata, { groupId });
      suite.expect(await rejectionOf(creating), `group ${groupId}`).toBe('WAL_INVALID');
    }
    suite.expect(await manager.hasExistingWal()).toBe(false);
  });

  suite.test('a log can be created with the largest limit of the back end', async (world) => {
    const entryBytesMax = Math.min(suite.target.capabilities.entryBytesMax, 64 * 1024 * 1024);
    suite.check(entryBytesMax >= entryBytesMaxDefault, 'every back end can hold the default');
    await world.create({ ...sampleMetadata, entryBytesMax });
    suite.expect((await world.restart()).metadata.entryBytesMax).toBe(entryBytesMax);
  });
}
