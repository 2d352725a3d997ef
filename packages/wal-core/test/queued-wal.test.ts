/**
 * The queue: commit batches, order, failures, closing. The store waits until the test lets each
 * write end.
 */
import {
  NoSpaceError,
  ReadFailedError,
  SyncFailedError,
  TryAgainError,
  type WalEvent,
} from '@babuza/wal-core';
import {
  EntryStorage,
  EntryView,
  LogState,
  QueuedWal,
  RingCache,
  TermIndex,
  WalEventHub,
  type LogStore,
  type SavePlan,
} from '@babuza/wal-core/backend';
import { entryEncodedSize, type Entry } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { entries, entry, marker, turn } from './samples.ts';

function readsNothing(): never {
  throw new Error('nothing is read here');
}

/** A store in which each commit batch waits until the test ends it. */
class SteppedStore implements LogStore {
  readonly stats = { syncs: 0, bytesWritten: 0, segments: 1 };
  readonly batches: { plans: readonly SavePlan[]; durable: boolean }[] = [];
  readonly view: EntryView<TermIndex>;
  closedClean: boolean | undefined;
  unsafe = false;
  releases = 0;
  readonly #ends: ((error: unknown) => void)[] = [];

  constructor() {
    this.view = new EntryView(
      new LogState(new TermIndex()),
      new RingCache(),
      { read: readsNothing },
      undefined,
    );
  }

  commit(plans: readonly SavePlan[], durable: boolean): Promise<void> {
    this.batches.push({ plans, durable });
    return new Promise((resolve, reject) => {
      this.#ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** Ends the current write and lets the next one begin. */
  async end(error?: unknown): Promise<void> {
    await turn();
    this.#ends.shift()?.(error);
    await turn();
  }

  publish(plan: SavePlan): void {
    this.view.publish(plan, (list) => {
      for (const { index, term } of list) this.view.state.index.append(index, term);
    });
  }

  async releasePurged() {
    this.releases += 1;
    await turn();
    expect(this.closedClean, 'closed while space is given back').toBeUndefined();
    return {
      segmentsRemoved: this.releases,
      segmentsRecycled: 0,
      bytesFreed: 0,
      segmentsKept: 1,
      heldBy: undefined,
    };
  }

  setUnsafeNoFsync(): void {
    this.unsafe = true;
  }

  async close(clean: boolean): Promise<void> {
    this.closedClean = clean;
  }
}

let store: SteppedStore;
let wal: QueuedWal;
let storage: EntryStorage;
let events: WalEvent[];
let committed: WalEvent[];
let nowMs: number;
let hub: WalEventHub;

beforeEach(() => {
  store = new SteppedStore();
  const { view } = store;
  storage = new EntryStorage(view);
  hub = new WalEventHub();
  events = [];
  nowMs = 0;
  committed = [];
  hub.subscribe((event) => (event.type === 'committed' ? committed : events).push(event));
  wal = new QueuedWal({
    groupId: 3n,
    view,
    store,
    events: hub,
    clock: { monotonicMs: () => nowMs },
    entryBytesMax: 8 * 1024 * 1024,
    cloneTerms: () => view.state.index.clone(),
  });
});

/** Records the outcomes of calls by name, in the order in which they end. */
function watch(calls: Record<string, Promise<unknown>>): string[] {
  const ended: string[] = [];
  for (const [name, call] of Object.entries(calls)) {
    call.then(
      () => ended.push(name),
      (error: { code?: string }) => ended.push(`${name}: ${error.code}`),
    );
  }
  return ended;
}

describe('commit batches', () => {
  it('consist of the saves that arrive during the write before', async () => {
    const ended = watch({
      a: wal.save({ entries: [entry(1)] }),
      b: wal.save({ entries: [entry(2)] }),
    });
    await turn();
    const later = watch({ c: wal.save({ entries: [entry(3)] }), d: wal.save({}) });
    expect(store.batches.map(({ plans }) => plans.length)).toEqual([2]);
    await store.end();
    expect([ended, later]).toEqual([['a', 'b'], []]);
    expect([store.batches.length, storage.lastIndex()]).toEqual([2, 2]);
    await store.end();
    expect(later).toEqual(['c', 'd']);
    expect(wal.stats).toMatchObject({ saves: 4, entries: 3, batches: 2 });
  });

  it('are shared by all callers that the one before woke up in the same turn', async () => {
    const first = wal.save({ entries: [entry(1)] });
    const saveAfter = async (index: number, steps: number): Promise<void> => {
      await first;
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      await wal.save({ entries: [entry(index)] });
    };
    const calls = [saveAfter(2, 0), saveAfter(3, 20)];
    await store.end();
    await store.end();
    await Promise.all(calls);
    expect(store.batches.map(({ plans }) => plans.length)).toEqual([1, 2]);
  });

  it('are limited in size', async () => {
    const calls = entries(1, 10, 1, 300_000).map((one) => wal.save({ entries: [one] }));
    for (let batch = 0; batch < 4; batch += 1) await store.end();
    await Promise.all(calls);
    expect(store.batches.map(({ plans }) => plans.length)).toEqual([3, 3, 3, 1]);
  });

  it('are durable when one of their saves must be', async () => {
    const calls = [wal.save({ entries: [entry(1)] })];
    await store.end();
    calls.push(wal.save({ hardState: { term: 0, vote: 0n, commit: 1 } }), wal.save({}));
    await store.end();
    calls.push(wal.save({}), wal.sync());
    await store.end();
    await Promise.all(calls);
    expect(store.batches.map(({ durable }) => durable)).toEqual([true, false, true]);
    expect(store.batches[2]?.plans.at(-1)?.hardState?.commit).toBe(1);
  });

  it('count saves only, not other calls that go through the queue', async () => {
    const calls = [wal.save({ entries: [entry(1)] }), wal.sync(), wal.purge(0)];
    await store.end();
    await Promise.all(calls);
    expect(wal.stats).toMatchObject({ saves: 1, entries: 1 });
  });
});

describe('events', () => {
  it('report the content and latency of each commit batch, and the slow ones', async () => {
    const calls = [wal.save({ entries: entries(1, 3) }), wal.save({}), wal.sync()];
    await turn();
    nowMs = 7;
    store.stats.bytesWritten = 99;
    await store.end();
    calls.push(wal.save({ hardState: { term: 0, vote: 0n, commit: 1 } }));
    await turn();
    nowMs = 2000;
    await store.end();
    calls.push(wal.save({ entries: [entry(4)] }));
    await turn();
    nowMs = 3001;
    await store.end();
    await Promise.all(calls);
    const event = { type: 'committed', groupId: 3n, bytes: 0 };
    expect(committed).toEqual([
      { ...event, saves: 2, entries: 3, bytes: 99, durable: true, latencyMs: 7 },
      { ...event, saves: 1, entries: 0, durable: false, latencyMs: 1993 },
      { ...event, saves: 1, entries: 1, durable: true, latencyMs: 1001 },
    ]);
    // Only durable commit batches count as slow.
    expect(events).toEqual([{ type: 'slow-sync', groupId: 3n, latencyMs: 1001 }]);
  });
});

describe('listeners', () => {
  it('get no event for a commit batch that was being written when they subscribed', async () => {
    const log = new QueuedWal({
      groupId: 4n,
      view: store.view,
      store,
      events: (hub = new WalEventHub()),
      entryBytesMax: 9999,
      cloneTerms: () => store.view.state.index.clone(),
    });
    expect(log.events).toBe(hub);
    store.stats.bytesWritten = 1_000_000;
    const calls = [log.save({ entries: [entry(1)] })];
    await turn();
    const heard: WalEvent[] = [];
    hub.subscribe((event) => heard.push(event));
    store.stats.bytesWritten += 50;
    await store.end();
    calls.push(log.save({ entries: [entry(2)] }));
    await turn();
    store.stats.bytesWritten += 70;
    await store.end();
    await Promise.all(calls);
    // This log has no clock, so its events have no latency.
    const event = { type: 'committed', groupId: 4n, durable: true, latencyMs: undefined };
    expect(heard).toEqual([{ ...event, saves: 1, entries: 1, bytes: 70 }]);
  });
});

describe('a temporary shortage', () => {
  it('rejects all queued saves, and the same saves are accepted later', async () => {
    const ended = watch({ a: wal.save({ entries: [entry(1)] }) });
    await turn();
    const behind = watch({ b: wal.save({ entries: [entry(2)] }) });
    await store.end(new TryAgainError('no descriptor'));
    expect([ended, behind]).toEqual([['a: WAL_TRY_AGAIN'], ['b: WAL_TRY_AGAIN']]);
    expect(events).toMatchObject([
      { type: 'try-again', groupId: 3n, error: { code: 'WAL_TRY_AGAIN' } },
    ]);
    expect(wal.failure).toBeUndefined();
    const again = wal.save({ entries: [entry(1)] });
    await store.end();
    await again;
    expect(storage.lastIndex()).toBe(1);
  });
});

describe('a discard', () => {
  it('durably drops the entries above the commit index and above the snapshot', async () => {
    const saved = wal.save({ entries: entries(1, 9), hardState: { term: 1, vote: 0n, commit: 3 } });
    const discards = [wal.discardUncommitted(5), wal.discardUncommitted(0)];
    await store.end();
    await Promise.all([saved, ...discards]);
    expect(store.batches[0]?.plans.map(({ truncateFrom }) => truncateFrom)).toEqual([
      undefined,
      6,
      4,
    ]);
    expect(storage.lastIndex()).toBe(3);
    expect(wal.stats.saves).toBe(1);
  });
});

describe('no space', () => {
  it('rejects all queued saves, and the log goes on from its published state', async () => {
    const kept = wal.save({ entries: entries(1, 3), hardState: { term: 1, vote: 1n, commit: 0 } });
    await store.end();
    await kept;
    const ended = watch({
      a: wal.save({ entries: entries(3, 5, 2), hardState: { term: 2, vote: 2n, commit: 1 } }),
      b: wal.save({ snapshot: marker(90, 3) }),
    });
    await turn();
    Object.assign(ended, {
      later: watch({ c: wal.save({ entries: [entry(91, 3)] }), d: wal.sync() }),
    });
    await store.end(new NoSpaceError('full'));
    expect(ended.slice()).toEqual(['a: WAL_NO_SPACE', 'b: WAL_NO_SPACE']);
    expect(ended).toMatchObject({ later: ['c: WAL_NO_SPACE', 'd: WAL_NO_SPACE'] });
    expect([storage.lastIndex(), storage.initialState().hardState.term]).toEqual([3, 1]);
    expect(events).toMatchObject([
      { type: 'no-space', groupId: 3n, error: { code: 'WAL_NO_SPACE' } },
    ]);
    // The rejected saves do not count, so term 1 and the same entries can be saved again.
    await expect(wal.save({ entries: [entry(6, 2)] })).rejects.toMatchObject({
      code: 'WAL_OUT_OF_ORDER',
    });
    const again = wal.save({
      entries: entries(3, 5, 2),
      hardState: { term: 1, vote: 1n, commit: 4 },
    });
    await store.end();
    await again;
    expect(storage.lastIndex()).toBe(5);
  });

  it('does not confuse later checks with hidden entries', async () => {
    const kept = wal.save({ entries: entries(1, 9), hardState: { term: 1, vote: 0n, commit: 3 } });
    await store.end();
    await kept;
    storage.compact(6);
    const failing = watch({ a: wal.save({ entries: [entry(10)] }) });
    await store.end(new NoSpaceError('full'));
    expect(failing).toEqual(['a: WAL_NO_SPACE']);
    const conflict = wal.save({ entries: entries(5, 7, 2) });
    await store.end();
    await conflict;
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([5, 7]);
  });
});

describe('poison', () => {
  it('rejects all queued and later calls, and nothing more is written', async () => {
    const ended = watch({ a: wal.save({ entries: [entry(1)] }) });
    await turn();
    const behind = watch({ b: wal.save({ entries: [entry(2)] }) });
    await store.end(new SyncFailedError('no sync'));
    expect([ended, behind]).toEqual([['a: WAL_POISONED'], ['b: WAL_POISONED']]);
    const after = watch({ c: wal.save({}), d: wal.purge(0), e: wal.sync() });
    await turn();
    expect(after).toHaveLength(3);
    expect(after.every((text) => text.endsWith('WAL_POISONED'))).toBe(true);
    expect(store.batches).toHaveLength(1);
    expect(events).toMatchObject([{ type: 'poisoned', groupId: 3n }]);
    expect(storage.lastIndex()).toBe(0);
    await wal.close();
    expect(store.closedClean).toBe(false);
  });

  it('has its own code whatever the store threw, and keeps the cause', async () => {
    for (const cause of [new Error('EIO'), new ReadFailedError('unreadable'), 'a text']) {
      const { view } = new SteppedStore();
      const failing = Object.assign(new SteppedStore(), {
        commit: () => {
          throw cause;
        },
      });
      const parts = {
        groupId: 0n,
        view,
        store: failing,
        events: new WalEventHub(),
        entryBytesMax: 9999,
      };
      const log = new QueuedWal({ ...parts, cloneTerms: () => new TermIndex() });
      await expect(log.save({ entries: [entry(1)] })).rejects.toMatchObject({
        code: 'WAL_POISONED',
        cause,
      });
    }
  });
});

describe('poison from outside', () => {
  const failure = new SyncFailedError('of another log');

  it('poisons an idle log at once and emits one event', async () => {
    wal.poison(failure);
    wal.poison(new Error('later'));
    await expect(wal.save({ entries: entries(1, 1, 1) })).rejects.toBe(failure);
    await expect(wal.sync()).rejects.toBe(failure);
    expect(events).toEqual([{ type: 'poisoned', groupId: 3n, error: failure }]);
    expect(store.batches.length).toBe(0);
    await wal.close();
    expect(store.closedClean).toBe(false);
  });

  it('lets durable saves be acknowledged, and writes no waiting ones', async () => {
    const first = wal.save({ entries: entries(1, 2, 1) });
    await turn();
    const behind = wal.save({ entries: entries(3, 3, 1) });
    const rejected = expect(behind).rejects.toBe(failure);
    wal.poison(failure);
    await store.end();
    await first;
    await rejected;
    expect([store.batches.length, storage.lastIndex(), events.length]).toEqual([1, 2, 1]);
  });

  it('fails the commit batch that is being written', async () => {
    const saving = wal.save({ entries: entries(1, 2, 1) });
    const rejected = expect(saving).rejects.toBe(failure);
    await turn();
    wal.poison(failure);
    await store.end(failure);
    await rejected;
    expect([storage.lastIndex(), events.length]).toEqual([0, 1]);
  });

  it('keeps its cause', async () => {
    const cause = new Error('a database that broke');
    wal.poison(cause);
    await expect(wal.save({})).rejects.toMatchObject({ code: 'WAL_POISONED', cause });
  });
});

describe('closing', () => {
  it('waits for queued saves and for running purges', async () => {
    const saved = wal.save({ entries: entries(1, 3), hardState: { term: 1, vote: 0n, commit: 3 } });
    const purged = wal.purge(2);
    let closed = false;
    const closing = wal.close().then(() => {
      closed = true;
    });
    await turn();
    expect([closed, store.closedClean]).toEqual([false, undefined]);
    await store.end();
    await Promise.all([saved, closing]);
    expect(await purged).toMatchObject({ toIndex: 2, firstIndex: 3, segmentsRemoved: 1 });
    expect(store.closedClean).toBe(true);
  });

  it('refuses reads at once, so that none meets a closed file', async () => {
    const closing = wal.close();
    expect(() => storage.lastIndex()).toThrow(/closed/);
    await closing;
    expect(wal.close()).toBe(closing);
  });
});

it('a closed or closing log refuses all calls', async () => {
  const first = wal.save({ entries: [entry(1)] });
  const closing = wal.close();
  const calls = (): Promise<unknown>[] => [
    wal.save({ entries: [entry(2)] }),
    wal.saveSnapshot(marker(1)),
    wal.purge(0),
    wal.sync(),
    wal.discardUncommitted(0),
  ];
  const code = 'WAL_CLOSED';
  for (const call of calls()) await expect(call).rejects.toMatchObject({ code });
  await store.end();
  await Promise.all([first, closing]);
  for (const call of calls()) await expect(call).rejects.toMatchObject({ code });
  expect(store.batches.map(({ plans }) => plans.length)).toEqual([1]);
});

describe('purges', () => {
  it('free space one after the other, each with its own report', async () => {
    const saved = wal.save({ entries: entries(1, 9), hardState: { term: 1, vote: 0n, commit: 9 } });
    const reports = [wal.purge(2), wal.purge(5), wal.purge(4)];
    await store.end();
    await saved;
    const done = await Promise.all(reports);
    expect(done.map(({ toIndex }) => toIndex)).toEqual([2, 5, 4]);
    expect(done.map(({ segmentsRemoved }) => segmentsRemoved)).toEqual([1, 2, 3]);
    expect(storage.firstIndex()).toBe(6);
    expect(events.map(({ type }) => type)).toEqual(['purged', 'purged', 'purged']);
  });
});

it('setUnsafeNoFsync reaches the store', () => {
  wal.setUnsafeNoFsync();
  expect(store.unsafe).toBe(true);
});

it('a save without a batch is refused, not thrown', async () => {
  const [nothing, text] = JSON.parse('[null, "entries"]');
  await expect(wal.save(nothing)).rejects.toMatchObject({ code: 'WAL_INVALID' });
  await expect(wal.save(text)).rejects.toMatchObject({ code: 'WAL_INVALID' });
});

describe('the size of a commit batch', () => {
  const mebibyte = 1024 * 1024;
  /** An entry whose encoding has this many bytes. */
  const sized = (index: number, bytes: number): Entry => {
    const dataBytes = bytes - (entryEncodedSize(entry(index, 1, bytes)) - bytes);
    return entry(index, 1, dataBytes);
  };
  const counts = (): number[] => store.batches.map(({ plans }) => plans.length);

  for (const more of [-1, 0, 1]) {
    it(`is one mebibyte at most: two saves of ${mebibyte + more} bytes`, async () => {
      const first = sized(1, mebibyte / 2);
      const second = sized(2, mebibyte / 2 + more);
      expect(entryEncodedSize(first) + entryEncodedSize(second)).toBe(mebibyte + more);
      const saves = [first, second].map((each) => wal.save({ entries: [each] }));
      await store.end();
      await store.end();
      await Promise.all(saves);
      expect(counts()).toEqual(more > 0 ? [1, 1] : [2]);
    });
  }

  it('does not change while 64 MiB pass through the queue', async () => {
    const data = new Uint8Array(64 * 1024);
    const saves: Promise<void>[] = [];
    const order: number[] = [];
    for (let index = 1; index <= 1024; index += 1) {
      const list = [{ index, term: 1, type: 0 as const, data }];
      saves.push(wal.save({ entries: list }).then(() => void order.push(index)));
    }
    while (order.length < saves.length) await store.end();
    await Promise.all(saves);
    expect(order).toEqual(Array.from({ length: 1024 }, (_, at) => at + 1));
    expect(new Set(counts())).toEqual(new Set([15, 4]));
    expect(storage.lastIndex()).toBe(1024);
  });
});
