/** Commit batches of saves with different needs, and the lock that is checked around each write. */
import { LockLostError } from '@babuza/wal-core';
import {
  EntryView,
  LogState,
  QueuedWal,
  RingCache,
  TermIndex,
  WalEventHub,
  type LogLock,
  type LogStore,
  type SavePlan,
} from '@babuza/wal-core/backend';
import { describe, expect, it } from 'vitest';
import { entry, turn } from './samples.ts';

const released = {
  segmentsRemoved: 0,
  segmentsRecycled: 0,
  bytesFreed: 0,
  segmentsKept: 1,
  heldBy: undefined,
};

/** A store that records its calls and succeeds unless a test says otherwise. */
class NotingStore implements LogStore {
  readonly stats = { syncs: 0, bytesWritten: 0, segments: 1 };
  readonly steps: string[] = [];
  readonly view: EntryView<TermIndex> = new EntryView(
    new LogState(new TermIndex()),
    new RingCache(),
    { read: () => [] },
    undefined,
  );
  /** Runs while a commit batch is being written. */
  duringCommit: () => Promise<void> = () => Promise.resolve();
  release: () => Promise<typeof released> = () => Promise.resolve(released);

  async commit(plans: readonly SavePlan[], durable: boolean): Promise<void> {
    this.steps.push(`commit ${plans.length} ${durable ? 'durably' : 'lazily'}`);
    await this.duringCommit();
  }

  publish(plan: SavePlan): void {
    this.view.publish(plan, (list) => {
      for (const { index, term } of list) this.view.state.index.append(index, term);
    });
  }

  releasePurged(): Promise<typeof released> {
    this.steps.push('release');
    return this.release();
  }

  setUnsafeNoFsync(): void {
    this.steps.push('no fsync');
  }

  async close(clean: boolean): Promise<void> {
    this.steps.push(clean ? 'close cleanly' : 'close');
  }
}

/** A lock that counts its renewals, and can be stale or lost. */
class NotedLock implements LogLock {
  fresh = true;
  lost = false;
  confirmations = 0;

  isFresh(): boolean {
    return this.fresh;
  }

  async confirm(): Promise<void> {
    this.confirmations += 1;
    await turn();
    if (this.lost) throw new LockLostError('another process has the lock');
    this.fresh = true;
  }
}

function openLog(lock?: LogLock): { store: NotingStore; wal: QueuedWal } {
  const store = new NotingStore();
  const { view } = store;
  const wal = new QueuedWal({
    groupId: 0n,
    view,
    store,
    events: new WalEventHub(),
    entryBytesMax: 1024 * 1024,
    lock,
    cloneTerms: () => view.state.index.clone(),
  });
  return { store, wal };
}

const commitIndex = { hardState: { term: 0, vote: 0n, commit: 1 } };

describe('a commit batch', () => {
  /** Makes three saves. One of them must be durable, at each position of the commit batch. */
  for (const at of [0, 1, 2]) {
    it(`is durable when the save at position ${at} of three must be`, async () => {
      const { store, wal } = openLog();
      await wal.save({ entries: [entry(1)] });
      const saves = [0, 1, 2].map((place) =>
        wal.save(place === at ? { entries: [entry(2)] } : place < 2 ? {} : commitIndex),
      );
      await Promise.all(saves);
      expect(store.steps).toEqual(['commit 1 durably', 'commit 3 durably']);
    });
  }
});

describe('the lock of a log', () => {
  it('is renewed before a commit batch is written, if it is stale', async () => {
    const lock = new NotedLock();
    const { store, wal } = openLog(lock);
    lock.fresh = false;
    await wal.save({ entries: [entry(1)] });
    expect([lock.confirmations, store.steps]).toEqual([1, ['commit 1 durably']]);
  });

  it('keeps a commit batch from being written if it is lost', async () => {
    const lock = new NotedLock();
    const { store, wal } = openLog(lock);
    Object.assign(lock, { fresh: false, lost: true });
    await expect(wal.save({ entries: [entry(1)] })).rejects.toMatchObject({
      code: 'WAL_LOCK_LOST',
    });
    expect(store.steps).toEqual([]);
  });

  it('keeps a commit batch from being acknowledged if it was lost during the write', async () => {
    const lock = new NotedLock();
    const { store, wal } = openLog(lock);
    store.duringCommit = async () => {
      Object.assign(lock, { fresh: false, lost: true });
    };
    await expect(wal.save({ entries: [entry(1)] })).rejects.toMatchObject({
      code: 'WAL_LOCK_LOST',
    });
    expect([store.steps, store.view.state.index.lastIndex]).toEqual([['commit 1 durably'], 0]);
  });

  it('is renewed before a close, which writes too', async () => {
    const lock = new NotedLock();
    const { store, wal } = openLog(lock);
    await wal.save({ entries: [entry(1)] });
    lock.fresh = false;
    await wal.close();
    expect([lock.confirmations, store.steps.at(-1)]).toEqual([1, 'close cleanly']);
  });

  it('keeps a close from writing if it is lost', async () => {
    const lock = new NotedLock();
    const { store, wal } = openLog(lock);
    await wal.save({ entries: [entry(1)] });
    Object.assign(lock, { fresh: false, lost: true });
    await wal.close();
    expect(store.steps.at(-1)).toBe('close');
  });
});

describe('a purge whose files cannot be removed', () => {
  it('fails alone: the next purge and the close succeed', async () => {
    const { store, wal } = openLog();
    await wal.save({ entries: [entry(1), entry(2)], hardState: { term: 1, vote: 0n, commit: 2 } });
    store.release = () => Promise.reject(new Error('the disk has gone'));
    await expect(wal.purge(1)).rejects.toThrow('the disk has gone');
    store.release = () => Promise.resolve(released);
    expect(await wal.purge(2)).toMatchObject({ toIndex: 2, firstIndex: 3 });
    await wal.close();
    expect(store.steps.at(-1)).toBe('close cleanly');
  });
});
