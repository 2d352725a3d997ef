/** Pending saves: their order, the syncs that they share, and when readers see them. */
import type { WalEvent } from '../events.ts';
import type { SaveBatch } from '../wal.ts';
import type { OpenedWal } from '../wal-manager.ts';
import { rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, texts } from './samples.ts';
import { turn, type Suite } from './suite.ts';

export function concurrencyTests(suite: Suite): void {
  suite.test('saves of every kind resolve strictly in the order of the calls', async (world) => {
    const { wal } = await world.create();
    const resolved: number[] = [];
    const calls: (() => Promise<unknown>)[] = [
      () => wal.save({ entries: entries(1, 40, 1, 8000) }),
      () => wal.save({ hardState: { term: 1, vote: 0n, commit: 5 } }),
      () => wal.save({}),
      () => wal.save({ entries: [entry(41, 1, 0)] }),
      () => wal.saveSnapshot(marker(4, 1)),
      () => wal.save({ hardState: { term: 1, vote: 0n, commit: 41 } }),
      () => wal.save({ entries: entries(42, 60, 1, 90_000) }),
      () => wal.save({ hardState: { term: 2, vote: 1n, commit: 42 } }),
      () => wal.sync(),
      () => wal.save({ entries: [entry(50, 2)] }),
      () => wal.save({}),
    ];
    await Promise.all(calls.map((call, at) => call().then(() => resolved.push(at))));
    suite.expect(resolved).toEqual(calls.map((_, at) => at));
  });

  suite.test('a save without a sync waits for all saves before it', async (world) => {
    const { wal, storage } = await world.create();
    let saved = false;
    const first = wal.save({ entries: entries(1, 30, 1, 20_000) }).then(() => {
      saved = true;
    });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 30 } });
    suite.check(saved, 'the commit index was acknowledged before the entries it covers');
    suite.expect(storage.lastIndex()).toBe(30);
    await first;
  });

  visibilityTests(suite);
  sharingTests(suite);
}

function visibilityTests(suite: Suite): void {
  suite.test('the view shows a save just before it resolves, and never earlier', async (world) => {
    const opened = await world.create();
    for (let index = 1; index <= 5; index += 1) {
      await watchSave(suite, opened, {
        entries: [entry(index, 1, 3000)],
        hardState: { term: index, vote: 1n, commit: 0 },
      });
      suite.expect(opened.storage.lastIndex()).toBe(index);
    }
    await watchSave(suite, opened, { snapshot: marker(3, 1) });
    await watchSave(suite, opened, { entries: entries(4, 4, 2) });
  });

  suite.test('each of many pending saves is visible when it resolves', async (world) => {
    const { wal, storage } = await world.create();
    const seen: number[] = [];
    const saves = entries(1, 50, 1).map(({ index, ...rest }) =>
      wal.save({ entries: [{ index, ...rest }] }).then(() => {
        suite.check(storage.lastIndex() >= index, `entry ${index} is acknowledged but not visible`);
        suite.expect(storage.term(index)).toBe(1);
        seen.push(index);
      }),
    );
    await Promise.all(saves);
    suite.expect(seen).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
  });

  suite.test('older entries stay visible until their replacements are durable', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 5, 1) });
    const before = texts(entries(1, 5, 1));
    const save = { pending: true };
    const saving = wal.save({ entries: entries(3, 4, 2) }).then(() => {
      save.pending = false;
    });
    const seen: string[][] = [];
    for (let turns = 0; turns < 100 && save.pending; turns += 1) {
      const { pending } = save;
      seen.push(texts(storage.entries(1, storage.lastIndex() + 1, Infinity)));
      if (pending) await turn();
    }
    await saving;
    for (const list of seen) suite.expect(list).toEqual(before);
    suite
      .expect(texts(storage.entries(1, 5, Infinity)))
      .toEqual(texts([...entries(1, 2, 1), ...entries(3, 4, 2)]));
  });
}

/**
 * Saves a batch, and reads the view in every turn of the event loop until the save resolves. The
 * view must show nothing of the batch before the save resolves, and all of it then. The checks run
 * after the save has ended, so that no promise is left behind.
 */
async function watchSave(suite: Suite, opened: OpenedWal, batch: SaveBatch): Promise<void> {
  const { wal } = opened;
  const { syncs } = wal.stats;
  const before = contentOf(opened);
  const save = { resolved: false, syncs };
  const saving = wal.save(batch).then(() => {
    save.resolved = true;
    save.syncs = wal.stats.syncs;
    return contentOf(opened);
  });
  const seen: unknown[] = [contentOf(opened)];
  for (let turns = 0; turns < 100; turns += 1) {
    await turn();
    if (save.resolved) break;
    seen.push(contentOf(opened));
  }
  const after = await saving;
  for (const content of seen) suite.expect(content, 'the view while pending').toEqual(before);
  suite.check(
    JSON.stringify(after) !== JSON.stringify(before),
    'the view when the save resolves does not show it',
  );
  if (suite.target.capabilities.durable) {
    suite.check(save.syncs > syncs, 'acknowledged before the sync');
  }
}

function sharingTests(suite: Suite): void {
  suite.test('saves that wait together share syncs', async (world) => {
    const { wal, storage } = await world.create();
    const before = wal.stats;
    const batches: WalEvent[] = [];
    wal.events.subscribe((event) => {
      if (event.type === 'committed') batches.push(event);
    });
    const written = entries(1, 200, 1);
    await Promise.all(written.map((one) => wal.save({ entries: [one] })));
    const { saves, entries: count, syncs, bytesWritten } = wal.stats;
    suite.expect([saves - before.saves, count - before.entries]).toEqual([200, 200]);
    suite.check(syncs - before.syncs < 100, `${syncs - before.syncs} syncs for 200 saves`);
    suite.check(bytesWritten - before.bytesWritten >= 200 * 24, 'bytes written are counted');
    const sumOf = (name: 'saves' | 'entries' | 'bytes'): number =>
      batches.reduce((sum, event) => sum + (event.type === 'committed' ? event[name] : 0), 0);
    suite.expect([sumOf('saves'), sumOf('entries')], 'the sums of the events').toEqual([200, 200]);
    suite.check(
      sumOf('bytes') === bytesWritten - before.bytesWritten,
      'the events count all bytes',
    );
    suite.expect(texts(storage.entries(1, 201, Infinity))).toEqual(texts(written));
  });

  suite.test('a refused save does not disturb those around it', async (world) => {
    const opened = await world.create();
    const { wal } = opened;
    const outcomes = await Promise.all([
      rejectionOf(wal.save({ entries: entries(1, 3, 1) })),
      rejectionOf(wal.save({ entries: [entry(9, 1)] })),
      rejectionOf(wal.save({ entries: entries(4, 5, 2) })),
      rejectionOf(wal.save({ entries: [entry(6, 1)] })),
      rejectionOf(wal.purge(5)),
      rejectionOf(wal.save({ hardState: { term: 2, vote: 0n, commit: 5 } })),
    ]);
    suite
      .expect(outcomes)
      .toEqual([undefined, 'WAL_OUT_OF_ORDER', undefined, 'WAL_INVALID', 'WAL_INVALID', undefined]);
    const before = contentOf(opened);
    suite.expect(before['entries']).toEqual(texts([...entries(1, 3, 1), ...entries(4, 5, 2)]));
    suite.expect(contentOf(await world.restart())).toEqual(before);
  });

  suite.test(
    'callers that save again as soon as they are acknowledged lose nothing',
    async (world) => {
      const { wal, storage } = await world.create();
      let next = 1;
      const saver = async (): Promise<void> => {
        while (next <= 120) {
          const index = next;
          next += 1;
          await wal.save({ entries: [entry(index, 1, 200)] });
        }
      };
      await Promise.all([saver(), saver(), saver(), saver()]);
      suite
        .expect(texts(storage.entries(1, 121, Infinity)))
        .toEqual(texts(entries(1, 120, 1, 200)));
      const again = await world.restart();
      suite.expect(again.storage.lastIndex()).toBe(120);
    },
  );
}
