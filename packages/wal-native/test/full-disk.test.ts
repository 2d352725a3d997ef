/**
 * A full disk is not damage. The save is refused, the log is unchanged, and it accepts saves again
 * when there is space. A refused batch must not come back in part with a later batch, a mark or a
 * close, and entries that are saved afterwards must be read at their own offsets.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import { Ledger, type LedgerBatch } from '@babuza/wal-core/conformance';
import { Author, metadata, openManager, perform } from './support/workload.ts';

const segmentBytes = 16 * 1024;

function entriesFrom(first: number, count: number, term: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: first + at,
    term,
    type: EntryType.Normal,
    data: new Uint8Array(bytes).fill((first + at) % 251),
  }));
}

/**
 * Runs `work` on a log whose first segment is nearly full, on a disk without space for another one.
 */
async function inFullWorld(
  run: (world: {
    readonly disk: SimulatedDisk;
    readonly opened: OpenedWal;
    readonly save: (batch: LedgerBatch) => Promise<string>;
    readonly close: () => Promise<void>;
    readonly sleep: (delayMs: number) => Promise<void>;
  }) => Promise<void>,
): Promise<OpenedWal> {
  const disk = new SimulatedDisk({ seed: 3 });
  const environment = simulatedEnvironment(3, disk);
  const ledger = new Ledger();
  await runWorkload(environment, async () => {
    const manager = openManager(environment, { cache: { entriesMax: 0, bytesMax: 0 } });
    const opened = await manager.createWal(metadata);
    disk.capacityBytes = segmentBytes;
    const save = async (batch: LedgerBatch): Promise<string> =>
      (await perform(opened, ledger, batch))?.code ?? 'saved';
    const sleep = (delayMs: number): Promise<void> => environment.clock.sleep(delayMs);
    expect(
      await save({
        entries: entriesFrom(1, 10, 1, 300),
        hardState: { term: 1, vote: 1n, commit: 0 },
      }),
    ).toBe('saved');
    await run({ disk, opened, save, close: () => manager.close(), sleep });
  });
  const next = simulatedEnvironment(4, disk.kill(1));
  let reopened: OpenedWal | undefined;
  await runWorkload(next, async () => {
    reopened = await openManager(next).replayWal();
    expect(ledger.judge(reopened)).toEqual([]);
  });
  if (reopened === undefined) throw new Error('the log was not opened');
  return reopened;
}

/** The state of an open log in the form that a replay returns. */
function nowOf(opened: OpenedWal): OpenedWal {
  const { hardState } = opened.storage.initialState();
  return { ...opened, hardState };
}

const tooMuch = {
  entries: entriesFrom(11, 10, 2, 900),
  hardState: { term: 2, vote: 2n, commit: 3 },
};

describe('a full disk', () => {
  it('entries that are saved afterwards are read at their own offsets', async () => {
    await inFullWorld(async ({ disk, opened, save }) => {
      expect(await save(tooMuch)).toBe('WAL_NO_SPACE');
      expect(await save({ entries: entriesFrom(11, 2, 1, 50) })).toBe('saved');
      disk.capacityBytes = Infinity;
      expect(await save({ entries: entriesFrom(13, 12, 1, 900) })).toBe('saved');
      const read = opened.storage.entries(1, 25, Infinity);
      expect(read.map(({ index, term }) => `${index}/${term}`)).toEqual(
        Array.from({ length: 24 }, (_, at) => `${at + 1}/1`),
      );
      expect(read.map(({ data }) => data?.[0])).toEqual(read.map(({ index }) => index % 251));
    });
  });

  it('a refused hard state does not come back with the next batch', async () => {
    const { hardState } = await inFullWorld(async ({ save }) => {
      expect(await save(tooMuch)).toBe('WAL_NO_SPACE');
      expect(await save({ entries: entriesFrom(11, 1, 1, 50) })).toBe('saved');
    });
    expect(hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
  });

  it('a refused hard state does not come back with the mark of an idle log', async () => {
    const { hardState } = await inFullWorld(async ({ save, sleep }) => {
      expect(await save(tooMuch)).toBe('WAL_NO_SPACE');
      await sleep(200);
    });
    expect(hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
  });

  it('a refused save does not prevent the mark of an idle log', async () => {
    await inFullWorld(async ({ disk, save, sleep }) => {
      expect(await save(tooMuch)).toBe('WAL_NO_SPACE');
      const before = disk.calls.length;
      await sleep(200);
      const marks = disk.calls
        .slice(before)
        .filter(({ operation, bytes = 0 }) => operation === 'write' && bytes < 200);
      expect(marks).toHaveLength(1);
    });
  });

  it('a refused hard state does not come back with a clean close', async () => {
    const { hardState } = await inFullWorld(async ({ save, close }) => {
      expect(await save(tooMuch)).toBe('WAL_NO_SPACE');
      await close();
    });
    expect(hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
  });

  it('a commit index that was taken before is kept', async () => {
    const { hardState } = await inFullWorld(async ({ save, close }) => {
      expect(await save({ hardState: { term: 1, vote: 1n, commit: 7 } })).toBe('saved');
      const hardState = { term: 2, vote: 2n, commit: 8 };
      expect(await save({ ...tooMuch, hardState })).toBe('WAL_NO_SPACE');
      await close();
    });
    expect(hardState).toEqual({ term: 1, vote: 1n, commit: 7 });
  });

  it('random work is sometimes refused, and the ledger finds no error', async () => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const disk = new SimulatedDisk({ seed });
      const environment = simulatedEnvironment(seed, disk);
      const ledger = new Ledger();
      let refused = 0;
      await runWorkload(environment, async () => {
        const options = { recycledMax: seed % 3, cache: { entriesMax: 2, bytesMax: 100 } };
        const manager = openManager(environment, options);
        let opened = await manager.createWal(metadata);
        let author = new Author(seed, opened);
        disk.capacityBytes = 2 * segmentBytes;
        for (let step = 0; step < 60; step += 1) {
          const error = await perform(opened, ledger, author.next());
          if (error === undefined) continue;
          expect(error.code, `seed ${seed}`).toBe('WAL_NO_SPACE');
          refused += 1;
          if (refused % 3 === 0) disk.capacityBytes += segmentBytes;
          // The author no longer knows the state of the log, so another one continues, sometimes
          // after a restart.
          if (refused % 2 === 0) {
            await opened.wal.close();
            opened = await manager.replayWal();
            expect(ledger.judge(opened), `seed ${seed}`).toEqual([]);
          }
          author = new Author(seed + step, nowOf(opened));
        }
      });
      expect(refused, `seed ${seed}`).toBeGreaterThan(0);
    }
  });
});
