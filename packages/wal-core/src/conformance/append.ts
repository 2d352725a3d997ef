/**
 * Appending: saved entries can be read byte for byte, at once and after a restart. Gaps are
 * refused.
 */
import type { Entry } from '@babuza/raftpb';
import { failureOf, rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, payload, texts } from './samples.ts';
import type { Suite } from './suite.ts';

/** Lengths around the alignment, padding and buffer sizes of the formats. */
const payloadBytes = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097];
const largerPayloadBytes = [16_383, 16_384, 65_535, 65_536, 65_537, 300_000];

export function appendTests(suite: Suite): void {
  suite.test('a new log is empty, starts at 1 and ends at 0', async (world) => {
    const { storage, hardState, snapshots, tail } = await world.create();
    suite.expect([storage.firstIndex(), storage.lastIndex(), storage.term(0)]).toEqual([1, 0, 0]);
    suite.expect(storage.entries(1, 1, Infinity)).toEqual([]);
    suite.expect(hardState).toEqual({ term: 0, vote: 0n, commit: 0 });
    suite.expect(storage.initialState().hardState).toEqual(hardState);
    suite.expect(storage.initialState().confState.voters).toEqual([]);
    suite.expect(snapshots).toEqual([]);
    suite.expect([tail.verdict, tail.bytesDropped]).toEqual(['clean', 0]);
    suite.expect(failureOf(() => storage.snapshot())).toBe('WAL_SNAPSHOT_UNAVAILABLE');
  });

  suite.test(
    'entries of every type come back; absent and empty data stay different',
    async (world) => {
      const written: Entry[] = [
        { index: 1, term: 1, type: 0 },
        { index: 2, term: 1, type: 0, data: new Uint8Array() },
        { index: 3, term: 1, type: 1, data: payload(3, 1) },
        { index: 4, term: 2, type: 2, data: payload(4, 2) },
        { index: 5, term: 2, type: 1 },
        { index: 6, term: 2, type: 2, data: new Uint8Array() },
        { index: 7, term: 9, type: 0, data: new Uint8Array(40) },
        { index: 8, term: 9, type: 0, data: new Uint8Array(40).fill(0xff) },
      ];
      const { wal, storage } = await world.create();
      await wal.save({ entries: written });
      suite.expect(texts(storage.entries(1, 9, Infinity))).toEqual(texts(written));
      const again = await world.restart();
      suite.expect(texts(again.storage.entries(1, 9, Infinity))).toEqual(texts(written));
    },
  );

  suite.test('payloads of many lengths come back, saved one by one', async (world) => {
    const { wal, storage } = await world.create();
    const written = payloadBytes.map((bytes, at) => entry(at + 1, 1, bytes));
    for (const one of written) await wal.save({ entries: [one] });
    suite.expect(texts(storage.entries(1, written.length + 1, Infinity))).toEqual(texts(written));
    const again = await world.restart();
    suite
      .expect(texts(again.storage.entries(1, written.length + 1, Infinity)))
      .toEqual(texts(written));
  });

  suite.test('large payloads come back, in one batch with small ones', async (world) => {
    const { wal, storage } = await world.create();
    const lengths = largerPayloadBytes.flatMap((bytes) => [bytes, 5]);
    const written = lengths.map((bytes, at) => entry(at + 1, 3, bytes));
    await wal.save({ entries: written });
    suite.expect(texts(storage.entries(1, written.length + 1, Infinity))).toEqual(texts(written));
    const again = await world.restart();
    suite
      .expect(texts(again.storage.entries(1, written.length + 1, Infinity)))
      .toEqual(texts(written));
  });

  ownershipTests(suite);
  orderTests(suite);
}

function ownershipTests(suite: Suite): void {
  suite.test(
    'a buffer that its owner changes after the save does not change the log',
    async (world) => {
      const { wal, storage } = await world.create();
      const shared = Buffer.from(payload(1, 1, 600));
      const own = Uint8Array.from(payload(3, 1, 20_000));
      const list: Entry[] = [
        { index: 1, term: 1, type: 0, data: shared.subarray(100, 200) },
        { index: 2, term: 1, type: 0, data: shared },
        { index: 3, term: 1, type: 0, data: own },
      ];
      const expected = texts(list);
      await wal.save({ entries: list });
      shared.fill(0);
      own.fill(0);
      list.length = 0;
      suite.expect(texts(storage.entries(1, 4, Infinity))).toEqual(expected);
      const again = await world.restart();
      suite.expect(texts(again.storage.entries(1, 4, Infinity))).toEqual(expected);
    },
  );

  suite.test(
    'entries that a reader has never change, whatever happens to the log',
    async (world) => {
      const { wal, storage } = await world.create();
      await wal.save({
        entries: entries(1, 40, 1, 3000),
        hardState: { term: 1, vote: 0n, commit: 10 },
      });
      const hot = storage.entries(1, 41, Infinity);
      const opened = await world.restart();
      const cold = opened.storage.entries(1, 41, Infinity);
      const before = [texts(hot), texts(cold)];
      await opened.wal.save({ entries: entries(11, 60, 2, 3000) });
      opened.storage.entries(1, 61, Infinity);
      await opened.wal.save({
        entries: entries(61, 200, 2, 9000),
        hardState: { term: 2, vote: 0n, commit: 150 },
      });
      opened.storage.entries(12, 201, 400_000);
      await opened.wal.purge(120);
      suite.expect([texts(hot), texts(cold)]).toEqual(before);
      await world.close();
      suite.expect([texts(hot), texts(cold)]).toEqual(before);
    },
  );

  suite.test('the largest indexes, terms and ids are stored', async (world) => {
    const { wal } = await world.create();
    const index = 2 ** 52;
    const term = 2 ** 53 - 3;
    const vote = 2n ** 64n - 1n;
    await wal.save({ snapshot: marker(index, term, vote, 1n) });
    const written = [entry(index + 1, term), entry(index + 2, term + 2)];
    await wal.save({ entries: written, hardState: { term: term + 2, vote, commit: index + 1 } });
    const { storage, hardState } = await world.restart();
    suite.expect([storage.firstIndex(), storage.lastIndex()]).toEqual([index + 1, index + 2]);
    suite.expect([storage.term(index), storage.term(index + 2)]).toEqual([term, term + 2]);
    suite.expect(texts(storage.entries(index + 1, index + 3, Infinity))).toEqual(texts(written));
    suite.expect(hardState).toEqual({ term: term + 2, vote, commit: index + 1 });
    suite.expect(storage.initialState().confState.voters).toEqual([vote, 1n]);
  });
}

function orderTests(suite: Suite): void {
  suite.test(
    'a gap is refused before a batch, inside it and between pending saves',
    async (world) => {
      const opened = await world.create();
      const { wal } = opened;
      suite
        .expect(await rejectionOf(wal.save({ entries: [entry(2, 1)] })))
        .toBe('WAL_OUT_OF_ORDER');
      await wal.save({ entries: entries(1, 5, 1) });
      const before = contentOf(opened);
      suite
        .expect(await rejectionOf(wal.save({ entries: [entry(7, 1)] })))
        .toBe('WAL_OUT_OF_ORDER');
      const inside = [entry(6, 1), entry(8, 1)];
      suite.expect(await rejectionOf(wal.save({ entries: inside }))).toBe('WAL_OUT_OF_ORDER');
      const twice = [entry(6, 1), entry(6, 1)];
      suite.expect(await rejectionOf(wal.save({ entries: twice }))).toBe('WAL_OUT_OF_ORDER');
      suite.expect(contentOf(opened)).toEqual(before);
      const first = wal.save({ entries: [entry(6, 1)] });
      const gap = rejectionOf(wal.save({ entries: [entry(8, 1)] }));
      const second = wal.save({ entries: [entry(7, 1)] });
      suite.expect(await gap).toBe('WAL_OUT_OF_ORDER');
      await Promise.all([first, second]);
      const again = await world.restart();
      suite
        .expect(texts(again.storage.entries(1, again.storage.lastIndex() + 1, Infinity)))
        .toEqual(texts(entries(1, 7, 1)));
    },
  );

  suite.test(
    'many pending appends of one entry each keep the order of the calls',
    async (world) => {
      const { wal, storage } = await world.create();
      const written = entries(1, 60, 4, 100);
      const pending = written.map((one) => wal.save({ entries: [one] }));
      await Promise.all(pending);
      suite.expect(texts(storage.entries(1, 61, Infinity))).toEqual(texts(written));
      const again = await world.restart();
      suite.expect(texts(again.storage.entries(1, 61, Infinity))).toEqual(texts(written));
      await again.wal.save({ entries: [entry(61, 4)] });
      suite.expect(again.storage.lastIndex()).toBe(61);
    },
  );

  suite.test('an empty batch is accepted and changes nothing', async (world) => {
    const opened = await world.create();
    await opened.wal.save({ entries: entries(1, 3, 1) });
    const before = contentOf(opened);
    await opened.wal.save({});
    await opened.wal.save({ entries: [] });
    suite.expect(contentOf(opened)).toEqual(before);
    suite.expect(contentOf(await world.restart())).toEqual(before);
  });
}
