/** The append path while the disk is full: the order of saves, and how the wait ends. */
import { SimulatedClock } from '@babuza/testkit';
import { NoSpaceError, TryAgainError, type SaveBatch, type Wal } from '@babuza/wal-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { AppendPath } from '../src/driver/append-path.ts';

/** A log whose saves settle when a test says so, in order. */
class SteppedLog implements Pick<Wal, 'save' | 'sync'> {
  readonly saved: unknown[] = [];
  #waiting: { readonly end: (error?: Error) => void }[] = [];

  save(batch: SaveBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        if (error !== undefined) return reject(error);
        this.saved.push(batch.hardState?.commit);
        resolve();
      };
      this.#waiting.push({ end });
    });
  }

  async sync(): Promise<void> {}

  /** Settles all pending saves. An error rejects all of them, as a full disk does. */
  async end(error?: Error): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { end } of waiting) end(error);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}

const clock = new SimulatedClock();
let log: SteppedLog;
let path: AppendPath;
let fullness: boolean[];
let shortages: (string | undefined)[];
let done: number[];

beforeEach(() => {
  log = new SteppedLog();
  fullness = [];
  shortages = [];
  done = [];
  path = new AppendPath({
    wal: log as unknown as Wal,
    clock,
    onFull: (full) => fullness.push(full),
    onShort: (reason) => shortages.push(reason),
    onFailure: (error) => {
      throw error;
    },
  });
});

const submit = (number: number): void =>
  path.submit({ hardState: { term: 1, vote: 0n, commit: number } }, () => done.push(number));

describe('a full disk', () => {
  it('keeps the order, and what came while it was tried again is saved, too', async () => {
    submit(1);
    submit(2);
    await log.end(new NoSpaceError('full'));
    expect([path.full, done]).toEqual([true, []]);
    submit(3);
    await clock.advance(100);
    // The saves are repeated; this one comes while they are pending.
    submit(4);
    await log.end();
    await log.end();
    expect(done).toEqual([1, 2, 3, 4]);
    expect(log.saved).toEqual([1, 2, 3, 4]);
    expect([path.full, fullness]).toEqual([false, [true, false]]);
  });

  it('that is still full is tried again, ever more rarely', async () => {
    submit(1);
    await log.end(new NoSpaceError('full'));
    await clock.advance(100);
    submit(2);
    await log.end(new NoSpaceError('full'));
    await clock.advance(199);
    await log.end();
    expect(done).toEqual([]);
    await clock.advance(1);
    await log.end();
    expect(done).toEqual([1, 2]);
    expect(fullness).toEqual([true, false]);
  });
});

describe('a system that is short of something', () => {
  it('keeps the order, and says why and until when the log takes nothing', async () => {
    submit(1);
    submit(2);
    await log.end(new TryAgainError('no descriptor is left'));
    expect([path.full, path.waitReason, done]).toEqual([false, 'no descriptor is left', []]);
    submit(3);
    await clock.advance(100);
    await log.end(new TryAgainError('no descriptor is left'));
    await clock.advance(200);
    await log.end();
    expect([done, log.saved, shortages]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      ['no descriptor is left', undefined],
    ]);
    expect([path.waitReason, fullness]).toEqual([undefined, []]);
  });

  it('may be followed by a full disk before it ends', async () => {
    submit(1);
    await log.end(new TryAgainError('no descriptor is left'));
    await clock.advance(100);
    await log.end(new NoSpaceError('full'));
    expect([path.full, path.waitReason]).toEqual([true, 'the disk is full']);
    await clock.advance(200);
    await log.end();
    expect([done, fullness, shortages.length]).toEqual([[1], [true, false], 2]);
  });

  it('lets a sync of the log wait too', async () => {
    let rejections = 2;
    log.sync = async () => {
      rejections -= 1;
      if (rejections >= 0) throw new TryAgainError('no descriptor is left');
    };
    let isSynced = false;
    void path.sync().then(() => (isSynced = true));
    await log.end();
    for (let turn = 0; turn < 4; turn += 1) await clock.advance(100);
    expect([isSynced, rejections]).toEqual([true, -1]);
  });
});

describe('a log that does not answer', () => {
  it('does not collect responses without bound that wait for older saves', async () => {
    submit(1);
    for (let at = 0; at < 100_000; at += 1) path.submit({}, () => done.push(0));
    submit(2);
    await log.end();
    expect([done[0], done.at(-1), done.length > 10, done.length < 5000]).toEqual([
      1,
      2,
      true,
      true,
    ]);
    path.submit({}, () => done.push(3));
    await log.end();
    expect(done.at(-1)).toBe(3);
  });
});
