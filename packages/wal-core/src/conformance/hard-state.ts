/**
 * The hard state: which changes cost a sync, which changes are allowed, and that a restart restores
 * it.
 */
import type { HardState } from '@babuza/raftpb';
import type { SaveBatch, Wal } from '../wal.ts';
import { rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker } from './samples.ts';
import type { Suite } from './suite.ts';

export function hardStateTests(suite: Suite): void {
  syncTests(suite);
  refusalTests(suite);

  suite.test('a restart restores term, vote and commit, with votes of 64 bits', async (world) => {
    const states: HardState[] = [
      { term: 1, vote: 2n ** 64n - 1n, commit: 0 },
      { term: 2, vote: 0n, commit: 1 },
      { term: 2, vote: 2n ** 63n, commit: 1 },
      { term: 2 ** 53 - 1, vote: 1n, commit: 5 },
    ];
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 5, 1) });
    for (const hardState of states) {
      const opened = await world.restart();
      await opened.wal.save({ hardState });
      suite.expect(opened.storage.initialState().hardState).toEqual(hardState);
      const again = await world.restart();
      suite.expect(again.hardState).toEqual(hardState);
      suite.expect(again.storage.initialState().hardState).toEqual(hardState);
    }
  });

  suite.test(
    'a hard state that its owner changes after the save does not change the log',
    async (world) => {
      const { wal, storage } = await world.create();
      const mine = { term: 3, vote: 4n, commit: 0 };
      await wal.save({ hardState: mine });
      mine.term = 9;
      mine.vote = 9n;
      suite.expect(storage.initialState().hardState).toEqual({ term: 3, vote: 4n, commit: 0 });
      // The next hard state is checked against the saved one, not against the caller's object.
      await wal.save({ hardState: { term: 4, vote: 5n, commit: 0 } });
      suite.expect((await world.restart()).hardState).toEqual({ term: 4, vote: 5n, commit: 0 });
    },
  );

  suite.test(
    'sync and close make a commit index durable that was saved without entries',
    async (world) => {
      const { wal } = await world.create();
      await wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
      await wal.save({ hardState: { term: 1, vote: 0n, commit: 2 } });
      const { syncs } = wal.stats;
      await wal.sync();
      if (suite.target.capabilities.durable) suite.check(wal.stats.syncs > syncs, 'sync syncs');
      await wal.save({ hardState: { term: 1, vote: 0n, commit: 4 } });
      suite.expect((await world.restart()).hardState).toEqual({ term: 1, vote: 0n, commit: 4 });
    },
  );
}

/** Returns the number of syncs before the save resolved. */
async function syncsOf(wal: Wal, batch: SaveBatch): Promise<number> {
  const { syncs } = wal.stats;
  await wal.save(batch);
  return wal.stats.syncs - syncs;
}

function syncTests(suite: Suite): void {
  suite.test(
    'entries, terms, votes and markers are synced before the save resolves',
    async (world) => {
      const { wal } = await world.create();
      const batches: [string, SaveBatch][] = [
        ['entries', { entries: entries(1, 5, 1) }],
        ['a new term', { hardState: { term: 1, vote: 0n, commit: 0 } }],
        ['a vote in the same term', { hardState: { term: 1, vote: 2n, commit: 0 } }],
        ['a new term and vote', { hardState: { term: 2, vote: 3n, commit: 0 } }],
        ['a new term without a vote', { hardState: { term: 3, vote: 0n, commit: 2 } }],
        [
          'entries and a commit index',
          { entries: [entry(6, 3)], hardState: { term: 3, vote: 0n, commit: 5 } },
        ],
        ['a conflict', { entries: [entry(6, 4)] }],
        ['a snapshot marker', { snapshot: marker(3, 1) }],
      ];
      for (const [name, batch] of batches) {
        const syncs = await syncsOf(wal, batch);
        if (suite.target.capabilities.durable) suite.check(syncs >= 1, `no sync for ${name}`);
      }
      suite.expect((await world.restart()).hardState).toEqual({ term: 3, vote: 0n, commit: 5 });
    },
  );

  suite.test(
    'a save that changes nothing, or only the commit index, costs no sync',
    async (world) => {
      const { wal, storage } = await world.create();
      const hardState = { term: 2, vote: 7n, commit: 0 };
      await wal.save({ entries: entries(1, 9, 1), hardState });
      const batches: [string, SaveBatch][] = [
        ['the same hard state', { hardState: { ...hardState } }],
        ['a commit index', { hardState: { ...hardState, commit: 3 } }],
        ['the same commit index', { hardState: { ...hardState, commit: 3 } }],
        ['no entries', { entries: [] }],
        ['nothing', {}],
        ['a higher commit index', { hardState: { ...hardState, commit: 9 }, entries: [] }],
      ];
      for (const [name, batch] of batches) {
        suite.expect(await syncsOf(wal, batch), `syncs for ${name}`).toBe(0);
      }
      suite.expect(storage.initialState().hardState.commit).toBe(9);
    },
  );

  suite.test(
    'after setUnsafeNoFsync saves cost no sync, and a clean restart still has the data',
    async (world) => {
      const opened = await world.create();
      opened.wal.setUnsafeNoFsync();
      const syncs = await syncsOf(opened.wal, {
        entries: entries(1, 50, 1),
        hardState: { term: 1, vote: 2n, commit: 40 },
      });
      if (suite.target.capabilities.durable) suite.expect(syncs).toBe(0);
      const before = contentOf(opened);
      suite.expect(contentOf(await world.restart())).toEqual(before);
    },
  );
}

function refusalTests(suite: Suite): void {
  suite.test(
    'term and commit never decrease, and a vote never changes within its term',
    async (world) => {
      const opened = await world.create();
      const { wal } = opened;
      await wal.save({ entries: entries(1, 9, 1), hardState: { term: 5, vote: 2n, commit: 4 } });
      const before = contentOf(opened);
      const refused: [string, HardState][] = [
        ['a lower term', { term: 4, vote: 2n, commit: 4 }],
        ['another vote', { term: 5, vote: 3n, commit: 4 }],
        ['a vote taken back', { term: 5, vote: 0n, commit: 4 }],
        ['a lower commit', { term: 6, vote: 2n, commit: 3 }],
        ['a commit above the log', { term: 5, vote: 2n, commit: 10 }],
        ['a term that is no integer', { term: 5.5, vote: 2n, commit: 4 }],
        ['a term above 2^53 - 1', { term: 2 ** 53, vote: 2n, commit: 4 }],
        ['a negative commit', { term: 6, vote: 2n, commit: -1 }],
        ['a negative vote', { term: 6, vote: -1n, commit: 4 }],
        ['a vote of 65 bits', { term: 6, vote: 2n ** 64n, commit: 4 }],
      ];
      for (const [name, hardState] of refused) {
        suite.expect(await rejectionOf(wal.save({ hardState })), name).toBe('WAL_INVALID');
      }
      suite.expect(contentOf(opened)).toEqual(before);
      suite.expect(contentOf(await world.restart())).toEqual(before);
    },
  );

  suite.test(
    'a commit index may cover the entries of its own batch, and no later ones',
    async (world) => {
      const { wal } = await world.create();
      const above = { entries: entries(1, 3, 1), hardState: { term: 1, vote: 0n, commit: 4 } };
      suite.expect(await rejectionOf(wal.save(above))).toBe('WAL_INVALID');
      await wal.save({ entries: entries(1, 3, 1), hardState: { term: 1, vote: 0n, commit: 3 } });
      const opened = await world.restart();
      suite.expect([opened.hardState.commit, opened.storage.lastIndex()]).toEqual([3, 3]);
    },
  );
}
