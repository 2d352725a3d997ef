/**
 * The read side of a log: reading through cache and reader, hidden entries, snapshots, long reads.
 */
import type { CacheLimits } from '@babuza/wal-core';
import {
  emptyPlan,
  EntryStorage,
  EntryView,
  LogState,
  RingCache,
  TermIndex,
  type SavePlan,
} from '@babuza/wal-core/backend';
import { entryEncodedSize, type Entry } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { entries, entry, marker } from './samples.ts';

/** A view over an array, which records the reads from the "disk". */
class Trial {
  readonly stored = new Map<number, Entry>();
  readonly reads: [lo: number, hi: number, maxBytes: number][] = [];
  readonly view: EntryView<TermIndex>;
  readonly storage: EntryStorage;
  /** A reader may return fewer entries than it was asked for. */
  pageEntriesMax = Infinity;

  constructor(limits: CacheLimits) {
    const state = new LogState(new TermIndex());
    const reader = { read: this.#read.bind(this) };
    this.view = new EntryView(state, new RingCache(limits), reader, undefined);
    this.storage = new EntryStorage(this.view);
  }

  publish(plan: Partial<SavePlan>): void {
    for (const one of plan.entries ?? []) this.stored.set(one.index, one);
    this.view.publish({ ...emptyPlan, ...plan }, (list) => {
      for (const { index, term } of list) this.view.state.index.append(index, term);
    });
  }

  indexes(lo: number, hi: number, maxBytes = Infinity): number[] {
    return this.storage.entries(lo, hi, maxBytes).map(({ index }) => index);
  }

  #read(lo: number, hi: number, maxBytes: number): Entry[] {
    this.reads.push([lo, hi, maxBytes]);
    const page: Entry[] = [];
    let bytes = 0;
    for (let index = lo; index < hi && page.length < this.pageEntriesMax; index += 1) {
      const one = this.stored.get(index);
      if (one === undefined) break;
      bytes += entryEncodedSize(one);
      if (page.length > 0 && bytes > maxBytes) break;
      page.push(one);
    }
    return page;
  }
}

let trial: Trial;

/** Entries 1 to 20; the cache has 16 to 20. */
beforeEach(() => {
  trial = new Trial({ entriesMax: 5, bytesMax: 1000 });
  trial.publish({ entries: entries(1, 20) });
});

const size = entryEncodedSize(entry(1));

describe('reading', () => {
  it('reads only entries from the store that are not cached', () => {
    expect(trial.indexes(17, 21)).toEqual([17, 18, 19, 20]);
    expect(trial.reads).toEqual([]);
    expect(trial.indexes(14, 19)).toEqual([14, 15, 16, 17, 18]);
    expect(trial.reads).toEqual([[14, 16, Infinity]]);
    expect([trial.view.cacheHits, trial.view.cacheMisses]).toEqual([7, 2]);
  });

  it('asks a reader for no more bytes than are left', () => {
    expect(trial.indexes(10, 21, size * 3)).toEqual([10, 11, 12]);
    expect(trial.reads).toEqual([[10, 16, size * 3]]);
    expect(trial.indexes(14, 21, size * 3)).toEqual([14, 15, 16]);
    trial.pageEntriesMax = 2;
    trial.reads.length = 0;
    expect(trial.indexes(10, 21, size * 5)).toEqual([10, 11, 12, 13, 14]);
    expect(trial.reads).toEqual([
      [10, 16, size * 5],
      [12, 16, size * 3],
      [14, 16, size],
    ]);
  });

  it('calls a reader again that stops early, and fails when it returns no entries', () => {
    trial.pageEntriesMax = 3;
    expect(trial.indexes(1, 21)).toHaveLength(20);
    trial.pageEntriesMax = 0;
    expect(() => trial.indexes(1, 3)).toThrow(/at least one entry/);
  });

  it('shows no old entry after a conflict, a reset or a purge', () => {
    trial.publish({ truncateFrom: 18, entries: entries(18, 19, 2) });
    const read = trial.storage.entries(16, 20, Infinity);
    expect(read.map(({ term }) => term)).toEqual([1, 1, 2, 2]);
    trial.publish({ truncateFrom: 5, entries: entries(5, 5, 3) });
    expect(trial.storage.entries(4, 6, Infinity).map(({ term }) => term)).toEqual([1, 3]);
    trial.publish({ marker: marker(30, 4), resets: true });
    expect([trial.storage.firstIndex(), trial.view.cacheBytes]).toEqual([31, 0]);
    trial.publish({ entries: entries(31, 35, 4) });
    trial.publish({ purgeTo: { index: 33, term: 4 } });
    expect(trial.indexes(34, 36)).toEqual([34, 35]);
    expect(trial.view.cacheBytes).toBe(16);
  });
});

describe('entries that follow the cached ones', () => {
  it('leave the earlier cached entries in the cache, after a conflict and after a discard', () => {
    trial.publish({ truncateFrom: 18, entries: entries(18, 18, 2) });
    expect(trial.indexes(16, 19)).toEqual([16, 17, 18]);
    trial.publish({ truncateFrom: 18 });
    expect(trial.view.cacheBytes).toBe(2 * 8);
    trial.publish({ entries: entries(18, 19, 3) });
    expect(trial.indexes(16, 20)).toEqual([16, 17, 18, 19]);
    expect(trial.reads).toEqual([]);
  });

  it('are read to the end of the range when the cache is empty', () => {
    trial.publish({ truncateFrom: 3 });
    expect(trial.view.cacheBytes).toBe(0);
    expect(trial.indexes(1, 3)).toEqual([1, 2]);
    expect(trial.reads).toEqual([[1, 3, Infinity]]);
  });

  it('are added to the index only if there are any', () => {
    let calls = 0;
    const plan = { ...emptyPlan, hardState: { term: 2, vote: 0n, commit: 3 } };
    trial.view.publish(plan, () => {
      calls += 1;
    });
    expect(calls).toBe(0);
    expect(trial.storage.initialState().hardState.commit).toBe(3);
  });
});

describe('a range of entries', () => {
  it.each([
    [1, 3, -1],
    [1, 3, Number.NaN],
    [3, 1, 10],
    [1.5, 3, 10],
    [1, 2 ** 53 + 2, 10],
    [-1, 3, 10],
  ])('from %d to %d of %d bytes is refused', (lo, hi, maxBytes) => {
    expect(() => trial.indexes(lo, hi, maxBytes)).toThrow(
      expect.objectContaining({ code: 'WAL_INVALID' }),
    );
  });

  it('returns at least one entry, and none if the range is empty', () => {
    expect(trial.indexes(1, 21, 0)).toEqual([1]);
    expect(trial.indexes(18, 21, 0)).toEqual([18]);
    expect(trial.indexes(18, 21, 2 * size)).toEqual([18, 19]);
    expect(trial.indexes(21, 21, 0)).toEqual([]);
    expect(() => trial.indexes(21, 22)).toThrow(
      expect.objectContaining({ code: 'WAL_UNAVAILABLE' }),
    );
    expect(() => trial.indexes(0, 1)).toThrow(expect.objectContaining({ code: 'WAL_COMPACTED' }));
  });
});

describe('compact', () => {
  it('hides entries and changes nothing else', () => {
    trial.storage.compact(18);
    expect([trial.storage.firstIndex(), trial.storage.term(18)]).toEqual([19, 1]);
    expect(() => trial.storage.term(17)).toThrow(
      expect.objectContaining({ code: 'WAL_COMPACTED' }),
    );
    expect(() => trial.indexes(18, 20)).toThrow(expect.objectContaining({ code: 'WAL_COMPACTED' }));
    expect(trial.indexes(19, 21)).toEqual([19, 20]);
    expect([trial.view.cacheBytes, trial.view.state.baseIndex]).toEqual([16, 0]);
  });

  it('of all entries leaves an empty view that can grow', () => {
    trial.storage.compact(20);
    expect([trial.storage.firstIndex(), trial.storage.lastIndex()]).toEqual([21, 20]);
    expect(trial.indexes(21, 21)).toEqual([]);
    trial.publish({ entries: [entry(21)] });
    expect(trial.indexes(21, 22)).toEqual([21]);
  });

  it('no longer hides entries that replace hidden ones, or that follow a reset', () => {
    trial.storage.compact(18);
    trial.publish({ truncateFrom: 10, entries: entries(10, 12, 2) });
    expect([trial.storage.firstIndex(), trial.indexes(10, 13)]).toEqual([10, [10, 11, 12]]);
    trial.storage.compact(12);
    trial.publish({ marker: marker(5, 9), resets: true });
    trial.publish({ entries: [entry(6, 9)] });
    expect([trial.storage.firstIndex(), trial.indexes(6, 7)]).toEqual([6, [6]]);
  });

  it('refuses an index outside the log', () => {
    const code = (index: number): unknown => {
      try {
        trial.storage.compact(index);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    trial.storage.compact(3);
    expect(code(3)).toMatchObject({ code: 'WAL_COMPACTED' });
    expect(code(21)).toMatchObject({ code: 'WAL_UNAVAILABLE' });
    expect(code(Number.NaN)).toMatchObject({ code: 'WAL_INVALID' });
    expect(code(4.5)).toMatchObject({ code: 'WAL_INVALID' });
  });
});

describe('snapshots', () => {
  it('keep their manifest when the marker of the same snapshot is published', () => {
    trial.storage.createSnapshot(marker(8), Uint8Array.of(1));
    trial.publish({ marker: marker(8) });
    expect(trial.storage.snapshot().data).toEqual(Uint8Array.of(1));
    trial.publish({ marker: marker(9) });
    expect(trial.storage.snapshot()).toEqual({ metadata: marker(9) });
  });

  it('are replaced by an installed snapshot, and not by an older marker', () => {
    trial.storage.createSnapshot(marker(12));
    trial.publish({ marker: marker(8) });
    expect(trial.storage.snapshot().metadata.index).toBe(12);
    trial.publish({ marker: marker(10, 5), resets: true });
    expect(trial.storage.snapshot().metadata).toEqual(marker(10, 5));
  });

  it('are dropped when a purge removes the entries that they need', () => {
    trial.publish({ marker: marker(8) });
    trial.publish({ purgeTo: { index: 8, term: 1 } });
    expect(trial.storage.snapshot().metadata.index).toBe(8);
    trial.publish({ purgeTo: { index: 9, term: 1 } });
    expect(() => trial.storage.snapshot()).toThrow(
      expect.objectContaining({ code: 'WAL_SNAPSHOT_UNAVAILABLE' }),
    );
  });

  it('are checked in the same way by applySnapshot and createSnapshot', () => {
    trial.storage.applySnapshot({ metadata: marker(8), data: Uint8Array.of(2) });
    expect(trial.storage.snapshot().data).toEqual(Uint8Array.of(2));
    const apply = (index: number, term: number) => () =>
      trial.storage.applySnapshot({ metadata: marker(index, term) });
    expect(apply(7, 1)).toThrow(expect.objectContaining({ code: 'WAL_SNAPSHOT_OUT_OF_DATE' }));
    expect(apply(9, 2)).toThrow(/the log has term 1 at index 9, the snapshot has term 2/);
    expect(apply(21, 1)).toThrow(/the log has no entry at index 21/);
    trial = new Trial({ entriesMax: 5, bytesMax: 1000 });
    expect(apply(1, 1)).toThrow(/the log has no entry at index 1/);
    expect(apply(-1, 1)).toThrow(/the log has no entry at index -1/);
  });
});

describe('iterate', () => {
  it('reads in pages and lets the event loop run in between', async () => {
    const seen: number[] = [];
    const others: number[] = [];
    const other = (): void => {
      others.push(seen.length);
      if (seen.length < 15) setImmediate(other);
    };
    setImmediate(other);
    for await (const { index } of trial.storage.iterate(1, 16, { pageBytes: size * 4 })) {
      seen.push(index);
    }
    expect(seen).toEqual(entries(1, 15).map(({ index }) => index));
    expect(trial.reads.map(([lo]) => lo)).toEqual([1, 5, 9, 13]);
    expect(others).toEqual([4, 8, 12, 15]);
  });

  it('reads 1 MiB at a time by default', async () => {
    const seen: number[] = [];
    for await (const { index } of trial.storage.iterate(1, 16)) seen.push(index);
    expect(seen).toHaveLength(15);
    expect(trial.reads).toEqual([[1, 16, 1024 * 1024]]);
  });

  it('stops at an abort within a page, with the reason of the abort', async () => {
    const aborter = new AbortController();
    const seen: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const { index } of trial.storage.iterate(1, 21, { signal: aborter.signal })) {
        seen.push(index);
        if (index === 3) aborter.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(seen).toEqual([1, 2, 3]);
    const late = trial.storage.iterate(1, 21, { signal: aborter.signal });
    await expect(late.next()).rejects.toThrow('enough');
  });

  it('throws the errors of entries, also for an empty range', async () => {
    trial.storage.compact(4);
    const { storage } = trial;
    await expect(storage.iterate(4, 4).next()).rejects.toMatchObject({ code: 'WAL_COMPACTED' });
    await expect(storage.iterate(6, 5).next()).rejects.toMatchObject({ code: 'WAL_INVALID' });
    await expect(storage.iterate(6, 22).next()).rejects.toMatchObject({ code: 'WAL_UNAVAILABLE' });
    expect(await storage.iterate(6, 6).next()).toEqual({ done: true, value: undefined });
  });

  it('fails when the log is closed meanwhile', async () => {
    const reading = trial.storage.iterate(1, 21, { pageBytes: 1 });
    await reading.next();
    trial.view.closed = true;
    await expect(reading.next()).rejects.toMatchObject({ code: 'WAL_CLOSED' });
  });
});
