/**
 * Bit rot: a bit flips, a sector is lost, a file is cut, swapped, renamed or removed. Opening the
 * log must report it or return exactly the same content, and never a shorter or different log
 * without a report.
 *
 * Three results are right: a typed error, the same content, and, for the last batch only, a tail
 * that is reported as torn or uncertain. The table at the end counts them, and the one case that
 * cannot be detected.
 *
 * Some of the logs were built by overlapping calls; these are damaged at a sample of offsets.
 * `BABUZA_ROT_SEEDS` sets how many, `BABUZA_SEED` the first seed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runWorkload, SeededRandom, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import { buildOverlapping, ledgerWithout } from '@babuza/testkit/ladder';
import { WalError, type OpenedWal } from '@babuza/wal-core';
import { inspectLog } from '../src/inspect.ts';
import { backEnd, directory, metadata, openManager } from './support/workload.ts';

/** `BABUZA_ROT=every` damages every byte and tries every length. */
const everyOffset = process.env['BABUZA_ROT'] === 'every';
const overlappingCount = Number(process.env['BABUZA_ROT_SEEDS'] ?? 2);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

const counts = new Map<string, Map<string, number>>();

function count(rot: string, outcome: string): void {
  const row = counts.get(rot) ?? new Map<string, number>();
  counts.set(rot, row);
  row.set(outcome, (row.get(outcome) ?? 0) + 1);
}

afterAll(() => {
  for (const [rot, row] of counts) {
    const cells = [...row].map(([outcome, times]) => `${outcome} ${times}`);
    console.log(`${rot.padEnd(34)} ${cells.join(', ')}`);
  }
});

interface Sample {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly content: Content;
  readonly isClosed: boolean;
  /**
   * Returns what is wrong with a log that has lost its last batch. That is allowed with a report if
   * no mark follows the batch.
   */
  judgeShorter(opened: OpenedWal): string[];
  /** Only one of this many offsets is damaged. */
  readonly oneOf: number;
}

interface Content {
  readonly entries: readonly string[];
  readonly firstIndex: number;
  readonly hardState: string;
  readonly snapshots: string;
}

function contentOf({ storage, hardState, snapshots }: OpenedWal): Content {
  const first = storage.firstIndex();
  const show = (_: string, value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value;
  return {
    entries: storage
      .entries(first, storage.lastIndex() + 1, Infinity)
      .map(
        ({ index, term, type, data }) => `${index}/${term}/${type}/${data?.toString() ?? 'absent'}`,
      ),
    firstIndex: first,
    hardState: JSON.stringify(hardState, show),
    snapshots: JSON.stringify(snapshots, show),
  };
}

/** A log of two segments with conflicts, a marker and a purge. */
async function makeSample(name: string, closed: boolean): Promise<Sample> {
  const disk = new SimulatedDisk({ seed: 11 });
  const environment = simulatedEnvironment(11, disk);
  await runWorkload(environment, async () => {
    const manager = openManager(environment, { recycledMax: 0 });
    const { wal } = await manager.createWal(metadata);
    const random = new SeededRandom(11);
    let last = 0;
    const append = async (count: number, bytes: number, term: number): Promise<void> => {
      const entries = Array.from({ length: count }, (_, at) => ({
        index: last + 1 + at,
        term,
        type: 0 as const,
        data: new Uint8Array(random.below(bytes)).map(() => random.below(256)),
      }));
      last += count;
      await wal.save({ entries, hardState: { term, vote: 3n, commit: Math.max(0, last - count) } });
    };
    for (let batch = 0; batch < 7; batch += 1) await append(3, 600, 1);
    last -= 2;
    await append(2, 300, 2);
    const confState = {
      voters: [3n],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    await wal.saveSnapshot({ index: 9, term: 1, confState });
    await wal.purge(5);
    for (let batch = 0; batch < 5; batch += 1) await append(3, 600, 2);
    if (closed) await manager.close();
  });
  const settled = closed ? disk : disk.kill(1);
  const undamaged = simulatedEnvironment(12, settled.kill(1));
  const reopened = await runWorkload(undamaged, async () =>
    contentOf(await openManager(undamaged).replayWal()),
  );
  if (reopened.outcome !== 'finished') throw new Error('the sample was not made');
  const whole = reopened.value;
  return {
    name,
    disk: settled,
    content: whole,
    isClosed: closed,
    judgeShorter: (opened) => {
      const { entries, firstIndex } = contentOf(opened);
      const kept = entries.length;
      const isPrefix =
        JSON.stringify(entries) === JSON.stringify(whole.entries.slice(0, kept)) &&
        firstIndex === whole.firstIndex;
      return isPrefix && kept >= whole.entries.length - 3 ? [] : ['it is a different one'];
    },
    oneOf: 1,
  };
}

/** A log that four callers have built; its last batch may have a save of each of them. */
async function makeOverlappingSample(seed: number, isClosed: boolean): Promise<Sample> {
  const end = isClosed ? 'closed' : 'killed';
  const options = { recycledMax: 2 };
  const built = await buildOverlapping(backEnd, { seed, calls: 36, end, options });
  const environment = simulatedEnvironment(12, built.disk.kill(1));
  const reopened = await runWorkload(environment, async () => {
    const opened = await openManager(environment).replayWal();
    expect(built.ledger.judge(opened)).toEqual([]);
    return contentOf(opened);
  });
  if (reopened.outcome !== 'finished') throw new Error('the sample was not made');
  return {
    name: `${end}, overlapping calls`,
    disk: built.disk,
    content: reopened.value,
    isClosed,
    judgeShorter: (opened) => ledgerWithout(built, 4, backEnd).judge(opened),
    oneOf: everyOffset ? 1 : 29,
  };
}

/** Opens a damaged copy and describes the result; throws if the result is not allowed. */
async function outcomeOf(sample: Sample, damaged: SimulatedDisk, context: string): Promise<string> {
  const environment = simulatedEnvironment(1, damaged);
  const repaired: string[] = [];
  const result = await runWorkload(environment, async () => {
    const manager = openManager(environment);
    manager.events.subscribe((event) => {
      if (event.type === 'repaired') repaired.push(event.file);
    });
    const opened = await manager.replayWal();
    return { content: contentOf(opened), tail: opened.tail, opened };
  }).catch((error: unknown) => {
    if (error instanceof WalError) return error;
    throw new Error(`${context}: not an error of a log`, { cause: error });
  });
  if (result instanceof WalError) return result.code;
  if (result.outcome !== 'finished') throw new Error(`${context}: the world stopped`);
  const { content, tail, opened } = result.value;
  const same = JSON.stringify(content) === JSON.stringify(sample.content);
  if (same && repaired.length > 0) return 'same content, repaired';
  if (same) return tail.verdict === 'clean' ? 'same content' : `same content, ${tail.verdict}`;
  expect(sample.judgeShorter(opened), context).toEqual([]);
  if (tail.verdict === 'clean') return 'NOT SEEN: shorter by the last batch';
  expect(tail.bytesDropped, context).toBeGreaterThan(0);
  return `last batch cut, ${tail.verdict}`;
}

function segmentsOf(disk: SimulatedDisk): string[] {
  return disk.surgery.files().filter((path) => path.startsWith(directory) && path.endsWith('.wal'));
}

/** A copy of the disk. Unsynced bytes do not matter, because the log was closed or killed. */
function copyOf({ disk }: Sample): SimulatedDisk {
  return disk.kill(1);
}

const samples: Sample[] = [];

beforeAll(async () => {
  samples.push(await makeSample('closed', true), await makeSample('killed', false));
  for (let seed = firstSeed; seed < firstSeed + overlappingCount; seed += 1) {
    samples.push(await makeOverlappingSample(seed, seed % 2 === 0));
  }
});

/** Damages a copy of each sample in each way that `damages` yields, or in a sample of them. */
async function damage(
  rot: string,
  damages: (sample: Sample) => Iterable<readonly [string, (disk: SimulatedDisk) => void]>,
): Promise<void> {
  for (const sample of samples) {
    let number = 0;
    for (const [what, harm] of damages(sample)) {
      number += 1;
      if (number % sample.oneOf !== 0) continue;
      const copy = copyOf(sample);
      harm(copy);
      const outcome = await outcomeOf(sample, copy, `${sample.name} log, ${what}`);
      count(`${sample.name}: ${rot}`, outcome);
      if (sample.isClosed) {
        expect(outcome, `a closed log, ${what}`).not.toContain('uncertain');
      }
    }
  }
}

describe('bit rot', () => {
  it('a bit flips in every byte', async () => {
    const random = new SeededRandom(3);
    await damage('a flipped bit', function* flips({ disk }) {
      for (const path of segmentsOf(disk)) {
        const bytes = disk.surgery.contents(path);
        for (let at = 0; at < bytes.length; at += 1) {
          // In long runs of zeros only every 16th byte is damaged, unless all are requested.
          if (
            !everyOffset &&
            at % 16 !== 0 &&
            bytes.subarray(at - 16, at + 64).every((byte) => byte === 0)
          )
            continue;
          const bit = random.below(8);
          yield [
            `bit ${bit} of byte ${at} of ${path}`,
            (copy) => copy.surgery.flipBit(path, at * 8 + bit),
          ];
        }
      }
    });
  }, 600_000);

  it('a file is cut', async () => {
    await damage('a cut', function* cuts({ disk }) {
      const step = everyOffset ? 1 : 17;
      for (const path of segmentsOf(disk)) {
        const bytes = disk.surgery.contents(path).length;
        for (let length = 0; length < bytes; length += length < 64 ? 1 : step) {
          yield [`${path} cut to ${length}`, (copy) => copy.surgery.cut(path, length)];
        }
      }
    });
    for (const row of counts.values()) expect([...row.keys()]).not.toContain('ENOENT');
  }, 100_000);

  it('a sector is lost', async () => {
    await damage('a zeroed sector', function* zeros({ disk }) {
      for (const path of segmentsOf(disk)) {
        const bytes = disk.surgery.contents(path).length;
        for (let at = 0; at < bytes; at += 512) {
          yield [`sector at ${at} of ${path}`, (copy) => copy.surgery.zero(path, at, 512)];
        }
      }
    });
    // A mark in another sector than the end of the last batch proves that the batch had been
    // durable.
    for (const { name, isClosed } of samples) {
      const outcomes = [...(counts.get(`${name}: a zeroed sector`)?.keys() ?? [])].join();
      if (isClosed) expect(outcomes, name).not.toContain('cut');
    }
  });

  it('two sectors are swapped', async () => {
    const random = new SeededRandom(5);
    await damage('swapped sectors', function* swaps({ disk }) {
      for (const path of segmentsOf(disk)) {
        const sectors = disk.surgery.contents(path).length / 512;
        for (let times = 0; times < 100; times += 1) {
          const [left, right] = [random.below(sectors), random.below(sectors)];
          yield [
            `sectors ${left} and ${right} of ${path}`,
            (copy) => copy.surgery.swapSectors(path, left, right),
          ];
        }
      }
    });
  });

  it('the whole last batch is lost and no frame follows it, which cannot be detected', async () => {
    const environment = simulatedEnvironment(21);
    const disk = environment.fileSystem;
    const entry = (index: number) => ({
      index,
      term: 1,
      type: 0 as const,
      data: new Uint8Array(50),
    });
    let before = 0;
    let after = 0;
    await runWorkload(environment, async () => {
      const { wal } = await openManager(environment).createWal(metadata);
      const endOffset = async (): Promise<number> =>
        (await inspectLog(directory, { environment })).segments.at(-1)?.endOffset ?? 0;
      await wal.save({ entries: [entry(1)] });
      before = await endOffset();
      await wal.save({ entries: [entry(2)] });
      after = await endOffset();
    });
    const killed = disk.kill(1);
    killed.surgery.zero(segmentsOf(killed)[0] ?? '', before, after - before);
    const world = simulatedEnvironment(22, killed);
    const seen = await runWorkload(world, () => openManager(world).replayWal());
    if (seen.outcome !== 'finished') throw new Error('the world stopped');
    expect(seen.value.storage.lastIndex()).toBe(1);
    expect(seen.value.tail.verdict).toBe('clean');
    count('killed: the last batch lost whole', 'NOT SEEN: shorter by the last batch');
  });

  it('a file is removed, duplicated, renamed or swapped', async () => {
    await damage('files', function* files({ disk }) {
      const paths = segmentsOf(disk);
      for (const [at, path] of paths.entries()) {
        yield [`${path} gone`, (copy) => copy.surgery.remove(path)];
        const other = paths[(at + 1) % paths.length] ?? path;
        yield [`${path} exchanged with ${other}`, (copy) => copy.surgery.swap(path, other)];
        const next = path.replace(/[0-9a-f]{16}-/, '00000000000000ff-');
        yield [`${path} renamed`, (copy) => copy.surgery.move(path, next)];
        yield [`${path} doubled`, (copy) => copy.surgery.copy(path, next)];
      }
    });
    for (const sample of samples) {
      expect([...(counts.get(`${sample.name}: files`)?.keys() ?? [])].join()).not.toContain('cut');
    }
  });
});
