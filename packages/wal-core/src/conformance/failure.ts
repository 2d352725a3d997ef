/**
 * Failures: a refused call changes nothing, the log survives a full disk, and a broken disk ends
 * its writes.
 */
import type { Entry } from '@babuza/raftpb';
import type { WalEvent } from '../events.ts';
import type { SaveBatch } from '../wal.ts';
import type { OpenedWal } from '../wal-manager.ts';
import { rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, texts } from './samples.ts';
import type { Suite, World } from './suite.ts';

export function failureTests(suite: Suite): void {
  suite.test(
    'a refused batch leaves the log unchanged, even if some of its parts are valid',
    async (world) => {
      const opened = await world.create();
      const { wal } = opened;
      await wal.save({ entries: entries(1, 9, 2), hardState: { term: 2, vote: 1n, commit: 5 } });
      const before = contentOf(opened);
      const hardState = { term: 3, vote: 2n, commit: 6 };
      const refused: [string, SaveBatch][] = [
        ['a gap', { entries: [entry(11, 2)], hardState }],
        [
          'a good conflict and a bad hard state',
          { entries: [entry(7, 3)], hardState: { ...hardState, term: 1 } },
        ],
        [
          'a good conflict and a commit above it',
          { entries: [entry(6, 3)], hardState: { ...hardState, commit: 9 } },
        ],
        ['a term that goes down', { entries: [entry(10, 1)], hardState }],
        ['a term that goes down inside', { entries: [entry(10, 4), entry(11, 3)], hardState }],
        ['an index of 0', { entries: [entry(0, 2)] }],
        ['a term of 0', { entries: [entry(10, 0)] }],
        ['an index that is no integer', { entries: [entry(10.5, 2)] }],
        ['an index above 2^53 - 1', { entries: [entry(2 ** 53, 2)] }],
        ['a term above 2^53 - 1', { entries: [entry(10, 2 ** 53)] }],
        ['an unknown type', { entries: [wrongEntry({ type: 7 })] }],
        ['data that is no bytes', { entries: [wrongEntry({ data: 'text' })] }],
      ];
      for (const [name, batch] of refused) {
        const code = await rejectionOf(wal.save(batch));
        suite.check(code === 'WAL_INVALID' || code === 'WAL_OUT_OF_ORDER', `${name}: ${code}`);
        suite.expect(contentOf(opened), name).toEqual(before);
      }
      // Later batches are checked against the log, not against the refused batch.
      await wal.save({ hardState: { term: 2, vote: 1n, commit: 6 } });
      await wal.save({ entries: [entry(10, 2)] });
      const after = contentOf(opened);
      suite.expect(after['last']).toBe(10);
      suite.expect(contentOf(await world.restart())).toEqual(after);
    },
  );

  suite.test('no call throws synchronously', async (world) => {
    const { wal } = await world.create();
    const outcomes = [
      rejectionOf(wal.save({ entries: [entry(5, 1)] })),
      rejectionOf(wal.purge(-1)),
    ];
    await wal.close();
    outcomes.push(rejectionOf(wal.save({})), rejectionOf(wal.purge(0)), rejectionOf(wal.sync()));
    suite
      .expect(await Promise.all(outcomes))
      .toEqual(['WAL_OUT_OF_ORDER', 'WAL_INVALID', 'WAL_CLOSED', 'WAL_CLOSED', 'WAL_CLOSED']);
  });

  suite.test('a listener that throws never fails a write', async (world) => {
    const manager = await world.manager();
    manager.events.subscribe(() => {
      throw new Error('a listener of the test');
    });
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 0n, commit: 5 } });
    suite.expect((await wal.purge(2)).firstIndex).toBe(3);
    suite.expect((await world.restart()).storage.lastIndex()).toBe(5);
  });

  faultTest(suite, 'a full disk rejects all queued saves, and the log goes on', noSpace);
  faultTest(suite, 'a failed write poisons the log; durable entries stay readable', broken);
}

/** An invalid entry, as a caller without type checks can build it. */
function wrongEntry(wrong: Record<string, unknown>): Entry {
  return Object.assign({ ...entry(10, 2) }, wrong);
}

type Fail = (kind: 'no-space' | 'broken') => void;

function faultTest(
  suite: Suite,
  name: string,
  body: (suite: Suite, world: World, fail: Fail) => Promise<void>,
): void {
  if (suite.target.failsOnDemand !== true) {
    suite.notTested(name, 'the harness cannot provoke it');
    return;
  }
  suite.test(name, (world) => {
    const { harness } = world;
    suite.check(harness.failNextWrite !== undefined, 'the harness has failNextWrite');
    return body(suite, world, (kind) => harness.failNextWrite?.(kind));
  });
}

async function noSpace(suite: Suite, world: World, fail: Fail): Promise<void> {
  const opened = await world.create();
  const { wal } = opened;
  const seen: WalEvent['type'][] = [];
  wal.events.subscribe(({ type }) => seen.push(type));
  await wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 1n, commit: 2 } });
  const before = contentOf(opened);
  await saveWithoutSpace(suite, opened, fail);
  suite.expect(contentOf(opened)).toEqual(before);
  suite.check(seen.includes('no-space'), 'an event reports it');
  // The batch is checked against the log, not against the rejected saves.
  suite.expect(await rejectionOf(wal.save({ entries: [entry(9, 2)] }))).toBe('WAL_OUT_OF_ORDER');
  await wal.save({ entries: entries(4, 8, 2), hardState: { term: 2, vote: 2n, commit: 4 } });
  const after = contentOf(opened);
  suite.expect(after['entries']).toEqual(texts([...entries(1, 3, 1), ...entries(4, 8, 2)]));
  const again = await world.restart();
  suite.expect(contentOf(again)).toEqual(after);
  await saveWithoutSpace(suite, again, fail);
  suite.expect(contentOf(await world.restart())).toEqual(after);
}

/** Makes several pending saves fail together for want of space. */
async function saveWithoutSpace(
  suite: Suite,
  { wal, storage }: OpenedWal,
  fail: Fail,
): Promise<void> {
  const { term, commit } = storage.initialState().hardState;
  const next = storage.lastIndex() + 1;
  fail('no-space');
  const outcomes = await Promise.all([
    rejectionOf(
      wal.save({
        entries: entries(commit + 1, next, term + 1),
        hardState: { term: term + 1, vote: 2n, commit: commit + 1 },
      }),
    ),
    rejectionOf(wal.save({ entries: [entry(next + 1, term + 1, 2_000_000)] })),
    rejectionOf(wal.save({ entries: [entry(next + 2, term + 1, 2_000_000)] })),
    rejectionOf(wal.saveSnapshot(marker(next + 100, term + 2))),
    rejectionOf(wal.save({ hardState: { term: term + 2, vote: 1n, commit: next + 100 } })),
  ]);
  suite.expect(outcomes).toEqual(outcomes.map(() => 'WAL_NO_SPACE'));
}

async function broken(suite: Suite, world: World, fail: Fail): Promise<void> {
  const opened = await world.create();
  const { wal } = opened;
  const seen: WalEvent['type'][] = [];
  wal.events.subscribe(({ type }) => seen.push(type));
  await wal.save({ entries: entries(1, 5, 1) });
  const before = contentOf(opened);
  fail('broken');
  const outcomes = await Promise.all([
    rejectionOf(wal.save({ entries: [entry(6, 1)] })),
    rejectionOf(wal.save({ entries: [entry(7, 1)] })),
  ]);
  suite.expect(outcomes).toEqual(['WAL_POISONED', 'WAL_POISONED']);
  suite.expect(await rejectionOf(wal.save({ entries: [entry(6, 1)] }))).toBe('WAL_POISONED');
  suite.expect(await rejectionOf(wal.save({}))).toBe('WAL_POISONED');
  suite.expect(await rejectionOf(wal.purge(0))).toBe('WAL_POISONED');
  suite.expect(await rejectionOf(wal.sync())).toBe('WAL_POISONED');
  suite.expect(contentOf(opened)).toEqual(before);
  suite.check(seen.includes('poisoned'), 'an event reports it');
  const again = await world.restart();
  suite.expect(texts(again.storage.entries(1, 6, Infinity))).toEqual(texts(entries(1, 5, 1)));
}
