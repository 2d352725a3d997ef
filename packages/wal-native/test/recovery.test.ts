/**
 * Specific damage, case by case, as left by a killed process, a power cut, bit rot or manual
 * changes, and the result of opening the log. `rot.test.ts` and `crash.test.ts` have random damage.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import {
  WalError,
  type TailReport,
  type WalErrorCode,
  type WalMetadataInput,
} from '@babuza/wal-core';
import { FrameKind } from '../src/format/frame.ts';
import { framesStart } from '../src/format/layout.ts';
import type { NativeWalOptions } from '../src/index.ts';
import {
  digestsOf,
  entriesOf,
  large,
  lastBatch,
  loseFrames,
  makeLog,
  reopen,
  segmentAt,
  segmentsOf,
  small,
  type LocatedFrame,
} from './support/damaged-log.ts';
import { directory, metadata, openLog, openManager } from './support/workload.ts';

interface Damage {
  readonly name: string;
  readonly options?: NativeWalOptions;
  readonly prepare: () => Promise<SimulatedDisk>;
  readonly damage: (disk: SimulatedDisk) => void | Promise<void>;
  readonly expected:
    | { readonly last: number; readonly tail: Partial<TailReport>; readonly repaired?: string }
    | { readonly code: WalErrorCode; readonly verdict?: string };
}

const isEntry =
  (index: number) =>
  (frame: LocatedFrame): boolean =>
    frame.kind === FrameKind.Entry && frame.index === index;
const isCommit = ({ kind }: LocatedFrame): boolean => kind === FrameKind.Commit;

function rotPages(...pages: readonly number[]): (disk: SimulatedDisk) => void {
  return (disk) => {
    for (const page of pages) disk.surgery.flipBit(segmentAt(disk, 0), (page * 4096 + 40) * 8);
  };
}

/** Replaces a segment of this log by one of another node's log. */
function exchange(at: number, input: WalMetadataInput): (disk: SimulatedDisk) => Promise<void> {
  return async (disk) => {
    const other = await makeLog(8, 1000, { input, seed: 2 });
    const theirs = segmentAt(other, at);
    disk.surgery.remove(segmentAt(disk, at));
    disk.surgery.put(theirs, other.surgery.contents(theirs));
  };
}

const otherNode = { ...metadata, nodeId: 5n };

const damages: readonly Damage[] = [
  {
    name: 'none',
    prepare: small,
    damage: () => undefined,
    expected: { last: 9, tail: { verdict: 'clean', bytesDropped: 0 } },
  },
  {
    name: 'the last batch has no commit frame',
    prepare: small,
    damage: (disk) => loseFrames(disk, isCommit),
    // Three entries and a hard state of 6 bytes, rounded up.
    expected: {
      last: 6,
      tail: { verdict: 'torn', bytesDropped: 3 * 144 + 48, firstIndex: 7, lastIndex: 9 },
    },
  },
  {
    name: 'the last batch ends after its first entry',
    prepare: small,
    damage: (disk) => loseFrames(disk, (frame) => !isEntry(7)(frame)),
    expected: {
      last: 6,
      tail: { verdict: 'torn', bytesDropped: 144, firstIndex: 7, lastIndex: 7 },
    },
  },
  {
    name: 'the middle of the last batch is lost',
    prepare: small,
    damage: (disk) => loseFrames(disk, isEntry(8)),
    expected: { last: 6, tail: { verdict: 'uncertain', firstIndex: 7, lastIndex: 9 } },
  },
  {
    name: 'the middle of the last batch is lost, and that is refused',
    options: { uncertainTail: 'refuse' },
    prepare: small,
    damage: (disk) => loseFrames(disk, isEntry(8)),
    expected: { code: 'WAL_CORRUPT', verdict: 'uncertain' },
  },
  {
    name: 'the vote of a last batch without entries is lost, and that is refused',
    options: { uncertainTail: 'refuse' },
    prepare: () =>
      makeLog(2, 100, {}, ({ wal }) => wal.save({ hardState: { term: 2, vote: 1n, commit: 3 } })),
    damage: (disk) => loseFrames(disk, ({ kind }) => kind === FrameKind.HardState),
    expected: { code: 'WAL_CORRUPT', verdict: 'uncertain' },
  },
  {
    name: 'the middle of the last batch of a closed log is lost',
    prepare: () => makeLog(3, 100, { closed: true }),
    damage: (disk) => disk.surgery.zero(segmentAt(disk, 0), framesStart + 1400, 200),
    expected: { code: 'WAL_CORRUPT', verdict: 'corrupt-durable' },
  },
  {
    name: 'the first header page is damaged',
    prepare: small,
    damage: rotPages(0),
    expected: { last: 9, tail: { verdict: 'clean' }, repaired: 'header page 1 of 2' },
  },
  {
    name: 'the second header page is damaged',
    prepare: small,
    damage: rotPages(1),
    expected: { last: 9, tail: { verdict: 'clean' }, repaired: 'header page 2 of 2' },
  },
  {
    name: 'both header pages are damaged',
    prepare: small,
    damage: rotPages(0, 1),
    expected: { code: 'WAL_CORRUPT', verdict: 'corrupt-header' },
  },
  {
    name: 'a foreign file has the name of a segment',
    prepare: small,
    damage: (disk) =>
      disk.surgery.put(
        `${directory}/0000000000000002-00c0ffee.wal`,
        new Uint8Array(16 * 1024).fill(65),
      ),
    expected: { code: 'WAL_FOREIGN' },
  },
  {
    name: 'a foreign file looks like a log',
    prepare: small,
    damage: (disk) => disk.surgery.put(`${directory}/x.wal`, new Uint8Array(10)),
    expected: { code: 'WAL_FOREIGN' },
  },
  ...[0, 1, -1].map((at): Damage => ({
    name: `segment ${at} is that of another node`,
    prepare: large,
    damage: exchange(at, otherNode),
    expected: { code: 'WAL_FOREIGN' },
  })),
  {
    name: 'the newest segment is that of another log of this node',
    prepare: large,
    damage: exchange(-1, metadata),
    expected: { code: 'WAL_FOREIGN' },
  },
  {
    name: 'a segment exists twice',
    prepare: small,
    damage: (disk) => {
      const path = segmentAt(disk, 0);
      disk.surgery.copy(path, path.replace(/[0-9a-f]{8}\.wal/, '00c0ffee.wal'));
    },
    expected: { code: 'WAL_FOREIGN' },
  },
  ...[0, 1, -1].map((at): Damage => ({
    name: `segment ${at} is missing`,
    prepare: large,
    damage: (disk) => disk.surgery.remove(segmentAt(disk, at)),
    expected: { code: 'WAL_CORRUPT', verdict: 'corrupt-missing' },
  })),
];

describe('damage', () => {
  it.each(damages)('$name', async ({ options, prepare, damage, expected }) => {
    const disk = await prepare();
    await damage(disk);
    const before = digestsOf(disk);
    const seen = await reopen(disk, options, async ({ wal, storage }) => {
      // The log accepts entries again, right after those that were kept.
      await wal.save({ entries: entriesOf(storage.lastIndex() + 1, storage.lastIndex() + 1, 2) });
    });
    if ('code' in expected) {
      expect(seen.error).toMatchObject(expected);
      expect(digestsOf(disk), 'a refusal changes nothing').toEqual(before);
      return;
    }
    const { last, tail, repaired } = expected;
    expect(seen.error).toBeUndefined();
    expect(seen.entries).toEqual(entriesOf(1, last));
    expect(seen.tail).toMatchObject(tail);
    if (tail.verdict !== 'clean') expect(seen.tail?.bytesDropped).toBeGreaterThan(0);
    expect(seen.repaired).toHaveLength(repaired === undefined ? 0 : 1);
    expect(seen.repaired.join()).toContain(repaired ?? '');
    const after = await reopen(disk.kill(2));
    expect(after.entries).toEqual([...entriesOf(1, last), ...entriesOf(last + 1, last + 1, 2)]);
    expect(after.tail).toEqual({ verdict: 'clean', bytesDropped: 0 });
  });
});

describe('after a crash', () => {
  it('leftover spare and recycled files are removed', async () => {
    const disk = await small();
    const garbage = new Uint8Array(5000).fill(65);
    const names = ['spare-0000000000000002', 'spare-0000000000000009', 'recycled-0000000000000001'];
    for (const name of names) disk.surgery.put(`${directory}/${name}.tmp`, garbage);
    const { error, entries } = await reopen(disk);
    expect(error).toBeUndefined();
    expect(entries).toEqual(entriesOf(1, 9));
    for (const path of disk.surgery.files()) {
      expect(Buffer.compare(disk.surgery.contents(path), garbage), path).not.toBe(0);
    }
  });

  it('any of the purged segments may reappear', async () => {
    const purged = new Map<string, Uint8Array>();
    const whole = await makeLog(10, 1000, {}, async ({ wal }, disk) => {
      const confState = { voters: [3n], learners: [], votersOutgoing: [], learnersNext: [] };
      const snapshot = { index: 24, term: 1, confState: { ...confState, autoLeave: false } };
      await wal.saveSnapshot(snapshot);
      for (const path of segmentsOf(disk)) purged.set(path, disk.surgery.contents(path));
      await wal.purge(24);
      for (const path of segmentsOf(disk)) purged.delete(path);
    });
    const gone = [...purged];
    expect(gone.length).toBeGreaterThanOrEqual(3);
    for (let subset = 0; subset < 2 ** gone.length; subset += 1) {
      const disk = whole.kill(subset);
      const kept = segmentsOf(disk);
      for (const [at, [path, bytes]] of gone.entries()) {
        if (((subset >> at) & 1) === 1) disk.surgery.put(path, bytes);
      }
      const { error, entries, tail } = await reopen(disk);
      expect(error, `subset ${subset}`).toBeUndefined();
      expect(entries).toEqual(entriesOf(25, 30, 1, 1000));
      expect(tail?.verdict).toBe('clean');
      expect(segmentsOf(disk)).toEqual(kept);
    }
  });

  it('frames after a cut stay invalid, whatever is written before them', async () => {
    const torn = await makeLog(2, 100, {}, async ({ wal }) => {
      await wal.save({ entries: entriesOf(7, 20, 1, 100) });
    });
    loseFrames(torn, ({ kind, index }) => kind === FrameKind.Commit || index === 8);
    for (const bytes of [0, 4, 60, 100, 140, 148, 300]) {
      const disk = torn.kill(3);
      const first = await reopen(disk, {}, async ({ wal }) => {
        await wal.save({ entries: entriesOf(7, 7, 2, bytes) });
      });
      expect(first.tail).toMatchObject({ verdict: 'torn', firstIndex: 7, lastIndex: 20 });
      const expected = [...entriesOf(1, 6), ...entriesOf(7, 7, 2, bytes)];
      // After the killed process, and again after its recovery.
      const second = disk.kill(4);
      const { entries, tail } = await reopen(second);
      expect(entries).toEqual(expected);
      expect(tail).toEqual({ verdict: 'clean', bytesDropped: 0 });
      expect((await reopen(second.kill(5))).entries).toEqual(expected);
    }
  });

  it('a frame after a cut stays invalid even if the empty slot before it was lost', async () => {
    const torn = await makeLog(2, 100, {}, async ({ wal }) => {
      await wal.save({ entries: entriesOf(7, 20, 1, 100) });
    });
    const { path, frames } = lastBatch(torn);
    loseFrames(torn, isCommit);
    const before = torn.surgery.contents(path);
    // The mark of the cut, one entry and its commit frame end at the start of the frame of entry 9.
    await reopen(torn, {}, async ({ wal }) => {
      await wal.save({ entries: entriesOf(7, 7, 2, 88) });
    });
    const disk = torn.kill(3);
    const stale = frames.find(isEntry(9))?.offset ?? 0;
    expect(disk.surgery.contents(path).subarray(stale, stale + 40)).toEqual(new Uint8Array(40));
    disk.surgery.overwrite(path, stale, before.subarray(stale, stale + 40));
    const { entries, tail } = await reopen(disk);
    expect(entries).toEqual([...entriesOf(1, 6), ...entriesOf(7, 7, 2, 88)]);
    expect(tail).toEqual({ verdict: 'clean', bytesDropped: 0 });
  });

  it('a batch larger than a segment gets a segment of its own', async () => {
    const disk = await makeLog(2, 100, {}, async ({ wal }) => {
      await wal.save({ entries: entriesOf(7, 8, 1, 40_000) });
      await wal.save({ entries: entriesOf(9, 9) });
    });
    const lengths = segmentsOf(disk).map((path) => disk.surgery.contents(path).length);
    expect(Math.max(...lengths)).toBeGreaterThan(80_000);
    const { entries, tail } = await reopen(disk);
    expect(tail?.verdict).toBe('clean');
    expect(entries).toEqual([
      ...entriesOf(1, 6),
      ...entriesOf(7, 8, 1, 40_000),
      ...entriesOf(9, 9),
    ]);
  });
});

describe('a directory', () => {
  it('that is a file is refused and not changed', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    await disk.makeDirectory('/node');
    disk.surgery.put(directory, new Uint8Array([1, 2, 3]));
    const manager = openManager(environment);
    await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    await expect(manager.hasExistingWal()).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    await expect(manager.createWal(metadata)).rejects.toBeInstanceOf(WalError);
    await manager.close();
    expect(disk.surgery.contents(directory)).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('with unknown files gets no new log', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    await disk.makeDirectory('/node');
    await disk.makeDirectory(directory);
    disk.surgery.put(`${directory}/notes.txt`, new Uint8Array([1]));
    const before = digestsOf(disk);
    const manager = openManager(environment);
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    await manager.close();
    expect(digestsOf(disk)).toEqual(before);
  });

  it('with a log gets no second log', async () => {
    const disk = await small();
    const before = digestsOf(disk);
    const manager = openManager(simulatedEnvironment(2, disk));
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
    await manager.close();
    expect(digestsOf(disk)).toEqual(before);
  });

  it.each([
    ['another cluster', { ...metadata, clusterId: 8n }],
    ['another node', otherNode],
    ['another limit of entries', { ...metadata, entryBytesMax: 4096 }],
  ])('of %s is refused before anything is repaired', async (_name, expectation) => {
    const disk = await small();
    loseFrames(disk, isCommit);
    disk.surgery.put(`${directory}/spare-0000000000000002.tmp`, new Uint8Array(100));
    const before = digestsOf(disk);
    const manager = openManager(simulatedEnvironment(2, disk));
    await expect(manager.replayWal({ expect: expectation })).rejects.toMatchObject({
      code: 'WAL_METADATA_MISMATCH',
    });
    await manager.close();
    expect(digestsOf(disk)).toEqual(before);
  });

  it('has one manager at a time', async () => {
    const environment = simulatedEnvironment(1);
    const first = openManager(environment);
    const second = openManager(environment);
    await runWorkload(environment, async () => {
      await openLog(first);
      await expect(second.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
      await first.close();
      expect((await second.replayWal()).tail.verdict).toBe('clean');
      await second.close();
    });
  });
});

describe('a save of a vote without entries', () => {
  it('is durable when it resolves', async () => {
    const hardState = { term: 2, vote: 1n, commit: 3 };
    const disk = await makeLog(2, 100, {}, ({ wal }) => wal.save({ hardState }));
    const seen = await reopen(disk.crash(1), {}, async (opened) => {
      expect(opened.hardState).toEqual(hardState);
    });
    expect([seen.error, seen.entries.length]).toEqual([undefined, 6]);
  });
});
