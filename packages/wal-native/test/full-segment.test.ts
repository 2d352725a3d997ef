/**
 * Frames, the marks of idle, closed and recovered logs, and the index footer share the end of a
 * segment. A log is restarted many times while its segment is nearly full, each time with a new
 * commit index that a mark contains, and then continues in the next segment. Nothing may be written
 * into the space of the footer.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { Ledger } from '@babuza/wal-core/conformance';
import { metadata, openManager, perform } from './support/workload.ts';

type End = 'kill' | 'close';

function entry(index: number, bytes: number): Entry {
  return { index, term: 1, type: EntryType.Normal, data: new Uint8Array(bytes).fill(index) };
}

/** Appends until the segment has less than `spare` bytes for another batch. */
async function fill(ledger: Ledger, spare: number): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(1);
  await runWorkload(environment, async () => {
    const opened = await openManager(environment).createWal(metadata);
    const save = async (entries: readonly Entry[]): Promise<void> => {
      const batch = { entries, hardState: { term: 1, vote: 1n, commit: 0 } };
      expect(await perform(opened, ledger, batch)).toBeUndefined();
    };
    // 60 entries of 48 bytes, with 4 bytes each in the footer, then one that leaves `spare` bytes.
    await save(Array.from({ length: 60 }, (_, at) => entry(at + 1, 8)));
    await save([entry(61, 3550 - spare)]);
    expect(opened.wal.stats.segments).toBe(1);
  });
  return environment.fileSystem.kill(1);
}

async function commitIn(disk: SimulatedDisk): Promise<number> {
  const environment = simulatedEnvironment(4, disk);
  let commit = 0;
  await runWorkload(environment, async () => {
    commit = (await openManager(environment).replayWal()).hardState.commit;
  });
  return commit;
}

/** Opens the log, saves a higher commit index, is idle for a while, and kills or closes it. */
async function restartOnce(
  disk: SimulatedDisk,
  ledger: Ledger,
  restart: number,
  end: End,
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(restart + 10, disk);
  await runWorkload(environment, async () => {
    const manager = openManager(environment);
    const opened = await manager.replayWal();
    expect(ledger.judge(opened)).toEqual([]);
    ledger.adopt(opened);
    const hardState = { term: 1, vote: 1n, commit: restart };
    expect(await perform(opened, ledger, { hardState })).toBeUndefined();
    if (restart % 2 === 0) await environment.clock.sleep(100);
    if (end === 'close') await manager.close();
  });
  const left = disk.kill(restart);
  // A clean close makes everything durable, including a commit index that has no sync of its own.
  if (end === 'close') expect(await commitIn(disk.crash(restart))).toBe(restart);
  return left;
}

/** Continues into the next segment, and opens the log again. */
async function goOn(disk: SimulatedDisk, ledger: Ledger): Promise<void> {
  const environment = simulatedEnvironment(2, disk);
  await runWorkload(environment, async () => {
    const opened = await openManager(environment).replayWal();
    expect(ledger.judge(opened)).toEqual([]);
    ledger.adopt(opened);
    expect(await perform(opened, ledger, { entries: [entry(62, 3000)] })).toBeUndefined();
    expect(await perform(opened, ledger, { entries: [entry(63, 3000)] })).toBeUndefined();
    expect(opened.wal.stats.segments).toBeGreaterThan(1);
  });
  const again = simulatedEnvironment(3, disk.crash(1));
  await runWorkload(again, async () => {
    expect(ledger.judge(await openManager(again).replayWal())).toEqual([]);
  });
}

describe('a segment that is nearly full', () => {
  for (const end of ['kill', 'close'] as const) {
    it(`restarted up to twelve times (${end}), with 0 to 2,000 bytes of free space`, async () => {
      for (let spare = 0; spare <= 2000; spare += 64) {
        for (const restarts of [1, 3, 12]) {
          const ledger = new Ledger();
          let disk = await fill(ledger, spare);
          for (let restart = 1; restart <= restarts; restart += 1)
            disk = await restartOnce(disk, ledger, restart, end);
          await goOn(disk, ledger).catch((error: unknown) => {
            throw new Error(`${spare} free bytes, ${restarts} restarts`, { cause: error });
          });
        }
      }
    });
  }
});

/** Sixty small entries and a large one, then a commit index that only an idle mark contains. */
async function withMark(lastBytes: number): Promise<{ segments: number; disk: SimulatedDisk }> {
  const environment = simulatedEnvironment(1);
  let segments = 0;
  await runWorkload(environment, async () => {
    const { wal } = await openManager(environment).createWal(metadata);
    // The encoding of this hard state is nearly the longest possible.
    const state = { term: 1, vote: 2n ** 64n - 1n };
    const small = Array.from({ length: 60 }, (_, at) => entry(at + 1, 8));
    await wal.save({ entries: small, hardState: { ...state, commit: 0 } });
    await wal.save({ entries: [entry(61, lastBytes)] });
    await wal.save({ hardState: { ...state, commit: 60 } });
    await environment.clock.sleep(100);
    segments = wal.stats.segments;
  });
  return { segments, disk: environment.fileSystem.kill(1) };
}

describe('the mark of a recovery', () => {
  it('after an idle mark does not overlap the footer, whatever space is left', async () => {
    let lastBytes = 4400;
    while ((await withMark(lastBytes)).segments > 1) lastBytes -= 8;
    for (let fewer = 0; fewer <= 64; fewer += 8) {
      const { disk } = await withMark(lastBytes - fewer);
      const recovered = simulatedEnvironment(2, disk);
      await runWorkload(recovered, async () => {
        const { wal, storage } = await openManager(recovered).replayWal();
        await wal.save({ entries: [entry(62, 3000)] });
        expect([storage.lastIndex(), wal.stats.segments]).toEqual([62, 2]);
      });
      const again = simulatedEnvironment(3, recovered.fileSystem.crash(1));
      await runWorkload(again, async () => {
        const opened = await openManager(again).replayWal();
        expect([opened.storage.lastIndex(), opened.hardState.commit], `${fewer}`).toEqual([62, 60]);
      });
    }
  });
});
