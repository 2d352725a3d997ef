/** The append path: how it ends, its failures, and saves that wait while the log rejects them. */
import { SimulatedClock } from '@babuza/testkit';
import { NoSpaceError, TryAgainError, type SaveBatch, type Wal } from '@babuza/wal-core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { AppendPath } from '../src/driver/append-path.ts';

// A test fails early here, because these tests look for callers that wait for ever.
vi.setConfig({ testTimeout: 5000 });

interface Waiting {
  readonly batch: SaveBatch;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The most empty saves that may wait. */
const waitingMax = 1024;

let clock: SimulatedClock;
let saves: Waiting[];
let syncs: { resolve: () => void; reject: (error: Error) => void }[];
let failures: unknown[];
let fullness: boolean[];
let done: number[];
let path: AppendPath;

beforeEach(() => {
  clock = new SimulatedClock();
  [saves, syncs, failures, fullness, done] = [[], [], [], [], []];
  const wal = {
    save: (batch: SaveBatch) =>
      new Promise<void>((resolve, reject) => void saves.push({ batch, resolve, reject })),
    sync: () => new Promise<void>((resolve, reject) => void syncs.push({ resolve, reject })),
  };
  path = new AppendPath({
    wal: wal as unknown as Wal,
    clock,
    onFull: (full) => void fullness.push(full),
    onShort: () => undefined,
    onFailure: (error) => void failures.push(error),
  });
});

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

const batchOf = (commit: number): SaveBatch => ({ hardState: { term: 1, vote: 0n, commit } });
const submit = (number: number, batch = batchOf(number)): void =>
  path.submit(batch, () => done.push(number));

/** Settles the saves that the log has, in order. */
async function endAll(error?: Error): Promise<void> {
  for (const { resolve, reject } of saves.splice(0)) {
    if (error === undefined) resolve();
    else reject(error);
  }
  await turns();
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

describe('answers behind saves that wait', () => {
  const confState = {
    voters: [],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };

  it.each([waitingMax - 1, waitingMax, waitingMax + 1])(
    'are dropped from 1,024 works on, and what has something to save never is: %i before',
    async (count) => {
      for (let at = 0; at < count; at += 1) submit(-1);
      submit(1, {});
      submit(2, { entries: [] });
      submit(3, { hardState: { term: 1, vote: 0n, commit: 1 } });
      submit(4, { snapshot: { index: 1, term: 1, confState } });
      submit(5, { entries: [{ index: 1, term: 1, type: 0 }] });
      const saving = outcome(path.save({}));
      await endAll();
      const isBelow = count < waitingMax;
      // Below the bound, the first response reaches it.
      const answers = isBelow ? [1] : [];
      expect(done.slice(count)).toEqual([...answers, 3, 4, 5]);
      expect(await saving).toBe('done');
    },
  );

  it('are given when the saves before them are durable, and not before', async () => {
    submit(1);
    submit(2, {});
    expect(done).toEqual([]);
    saves[0]?.resolve();
    await turns();
    expect(done).toEqual([1]);
    saves[1]?.resolve();
    await turns();
    expect(done).toEqual([1, 2]);
  });
});

describe('when the node stops', () => {
  it('every caller that waits for a save or a sync is told, and gets no later answer', async () => {
    submit(1);
    const saving = outcome(path.save(batchOf(2)));
    const syncing = outcome(path.sync());
    path.stop();
    expect([await saving, await syncing]).toEqual(['RAFT_STOPPED', 'RAFT_STOPPED']);
    await endAll();
    expect([done, failures]).toEqual([[], []]);
    expect(await outcome(path.save({}))).toBe('RAFT_STOPPED');
    expect(await outcome(path.sync())).toBe('RAFT_STOPPED');
    expect(path.isBusy).toBe(false);
    submit(3);
    expect(saves).toEqual([]);
  });

  it('before anything was saved, the log gets nothing that comes later', async () => {
    path.stop();
    submit(1);
    expect(await outcome(path.save(batchOf(2)))).toBe('RAFT_STOPPED');
    expect([saves, path.isBusy]).toEqual([[], false]);
  });

  it('a sync that the log has been given is not awaited', async () => {
    const syncing = outcome(path.sync());
    await endAll();
    expect(syncs).toHaveLength(1);
    path.stop();
    expect(await syncing).toBe('RAFT_STOPPED');
  });

  it('a sync that waits to be made again ends', async () => {
    const syncing = outcome(path.sync());
    await endAll();
    syncs[0]?.reject(new NoSpaceError('full'));
    await turns();
    path.stop();
    expect(await syncing).toBe('RAFT_STOPPED');
  });

  it('saves that a full disk has refused are not made again', async () => {
    submit(1);
    await endAll(new NoSpaceError('full'));
    path.stop();
    expect(clock.pendingCount).toBe(0);
    await clock.advance(10_000);
    expect(saves).toEqual([]);
  });

  it('saves that fail later are no failure of the node', async () => {
    submit(1);
    path.stop();
    await endAll(new Error('the log is closed'));
    expect(failures).toEqual([]);
  });
});

describe('a save that fails', () => {
  it('stops the node where the log is poisoned, while another waits', async () => {
    submit(1);
    submit(2);
    const poisoned = Object.assign(new Error('poisoned'), { code: 'WAL_POISONED' });
    await endAll(poisoned);
    expect([failures, done]).toEqual([[poisoned, poisoned], []]);
    await clock.advance(10_000);
    expect(saves).toEqual([]);
  });

  it.each([['a text'], [undefined], [null], [7]])(
    'stops the node also where the log rejects with %s, which is told as it is',
    async (given) => {
      submit(1);
      saves[0]?.reject(given as never);
      await turns();
      expect([failures, done]).toEqual([[given], []]);
    },
  );

  it('stops the node where what the node does with the answer fails', async () => {
    const broken = new Error('the answer cannot be used');
    path.submit(batchOf(1), () => {
      throw broken;
    });
    await endAll();
    expect(failures).toEqual([broken]);
  });

  it('is made again with all behind it, in order, also where some had succeeded', async () => {
    for (const number of [1, 2, 3]) submit(number);
    const [first, second, third] = saves.splice(0);
    first?.resolve();
    second?.reject(new NoSpaceError('full'));
    third?.reject(new NoSpaceError('full'));
    await turns();
    expect([done, path.isBusy]).toEqual([[1], true]);
    submit(4);
    await clock.advance(100);
    expect(saves.map(({ batch }) => batch.hardState?.commit)).toEqual([2, 3, 4]);
    await endAll();
    expect([done, path.full, path.isBusy]).toEqual([[1, 2, 3, 4], false, false]);
  });
});

describe('a full disk', () => {
  it('that takes only the first of the saves is full until it has taken them all', async () => {
    for (const number of [1, 2]) submit(number);
    await endAll(new NoSpaceError('full'));
    await clock.advance(100);
    saves.shift()?.resolve();
    await turns();
    expect([done, path.full]).toEqual([[1], true]);
    await endAll(new NoSpaceError('full'));
    expect(fullness).toEqual([true]);
    // A save that comes meanwhile waits for the pause to end.
    submit(3);
    expect(saves).toEqual([]);
    await clock.advance(200);
    await endAll();
    expect([done, fullness, path.full]).toEqual([[1, 2, 3], [true, false], false]);
  });
});

describe('the pause before a save is made again', () => {
  /** The pauses between the attempts of a save that the log refuses this many times. */
  async function pauses(count: number): Promise<number[]> {
    const all: number[] = [];
    for (let attempt = 0; attempt < count; attempt += 1) {
      await endAll(new NoSpaceError('full'));
      const beforeMs = clock.monotonicMs();
      clock.fireNext();
      all.push(clock.monotonicMs() - beforeMs);
    }
    return all;
  }

  it('grows up to five seconds, and begins anew after a success', async () => {
    submit(1);
    expect(await pauses(9)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    await endAll();
    submit(2);
    expect(await pauses(2)).toEqual([100, 200]);
  });
});

describe('a sync', () => {
  it('that the log refuses together with a save behind it is made again', async () => {
    const syncing = path.sync();
    let ended = false;
    void syncing.then(() => (ended = true));
    await endAll();
    submit(1);
    await endAll(new NoSpaceError('full'));
    syncs[0]?.reject(new NoSpaceError('full'));
    await turns();
    expect([path.full, ended]).toEqual([true, false]);
    await clock.advance(100);
    expect([syncs.length, ended]).toEqual([2, false]);
    syncs[1]?.resolve();
    await syncing;
  });

  it('waits for the saves that a full disk has refused', async () => {
    submit(1);
    await endAll(new NoSpaceError('full'));
    const syncing = outcome(path.sync());
    await turns();
    expect(syncs).toEqual([]);
    await clock.advance(100);
    await endAll();
    await endAll();
    expect([done, syncs.length]).toEqual([[1], 1]);
    syncs[0]?.resolve();
    expect(await syncing).toBe('done');
  });

  it('that is refused is made again, and one that fails is told', async () => {
    const [refused, failing] = [outcome(path.sync()), outcome(path.sync())];
    await endAll();
    syncs[0]?.reject(new TryAgainError('no descriptor is left'));
    syncs[1]?.reject(Object.assign(new Error('poisoned'), { code: 'WAL_POISONED' }));
    expect(await failing).toBe('WAL_POISONED');
    await turns();
    expect(syncs).toHaveLength(2);
    await clock.advance(99);
    expect(syncs).toHaveLength(2);
    await clock.advance(1);
    syncs[2]?.resolve();
    expect(await refused).toBe('done');
  });
});

describe('the reports of the log to the node', () => {
  it('counts saves and syncs that are under way and that have succeeded', async () => {
    expect([path.isBusy, path.finishedCount, path.hasEntries]).toEqual([false, 0, false]);
    submit(1);
    expect([path.isBusy, path.finishedCount, path.hasEntries]).toEqual([true, 0, false]);
    submit(2, { entries: [{ index: 1, term: 1, type: 0 }] });
    expect(path.hasEntries).toBe(true);
    await endAll();
    expect([path.isBusy, path.finishedCount, path.hasEntries]).toEqual([false, 2, false]);
    const syncing = path.sync();
    await endAll();
    expect([path.isBusy, path.finishedCount]).toEqual([true, 3]);
    syncs[0]?.resolve();
    await syncing;
    expect([path.isBusy, path.finishedCount]).toEqual([false, 4]);
  });

  it('is busy with each sync, also behind others that have ended', async () => {
    for (let round = 1; round <= 3; round += 1) {
      const syncing = path.sync();
      await endAll();
      expect(path.isBusy).toBe(true);
      syncs.pop()?.resolve();
      await syncing;
      expect(path.isBusy).toBe(false);
    }
    const refused = path.sync();
    await endAll();
    syncs.pop()?.reject(new TryAgainError('no descriptor is left'));
    await turns();
    await clock.advance(100);
    expect(path.isBusy).toBe(true);
    syncs.pop()?.resolve();
    await refused;
    expect(path.isBusy).toBe(false);
  });
});
