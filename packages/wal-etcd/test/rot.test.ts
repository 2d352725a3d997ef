/**
 * Damage: a flipped bit, a lost sector, a file that is cut, swapped, renamed or missing. This
 * format protects the data and the order of its records, but not their types and lengths, and does
 * not mark the end of the log, so no reader can detect some of the damage. The tests print a table
 * of the results. They check that no other damage stays undetected, that no entry is returned with
 * other bytes, and that every error is typed.
 *
 * With `BABUZA_ROT=every` no byte and no length is left out.
 *
 * Some of the logs were built by overlapping calls, and a sample of their bytes is damaged.
 * `BABUZA_ROT_SEEDS` sets how many logs, `BABUZA_SEED` the first seed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  runWorkload,
  SeededRandom,
  simulatedEnvironment,
  type SimulatedDisk,
} from '@babuza/testkit';
import {
  buildOverlapping,
  confState,
  entriesFrom,
  metadata,
  type EndOfBuild,
} from '@babuza/testkit/ladder';
import type { Entry } from '@babuza/raftpb';
import { CorruptError, WalError, type OpenedWal } from '@babuza/wal-core';
import { backEnd, openManager } from './support/back-end.ts';
import { mapOf } from './support/bytes-of.ts';

const everyPlace = process.env['BABUZA_ROT'] === 'every';
const overlappingCount = Number(process.env['BABUZA_ROT_SEEDS'] ?? 2);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);
const random = new SeededRandom(Number(process.env['BABUZA_SEED'] ?? 3));

const counts = new Map<string, Map<string, number>>();

function count(rot: string, outcome: string): void {
  const row = counts.get(rot) ?? new Map<string, number>();
  counts.set(rot, row);
  row.set(outcome, (row.get(outcome) ?? 0) + 1);
}

const byName = ([left]: [string, unknown], [right]: [string, unknown]): number =>
  left < right ? -1 : 1;

afterAll(() => {
  for (const [rot, row] of [...counts].sort(byName)) {
    const cells = [...row].sort(byName).map(([outcome, times]) => `${outcome} ${times}`);
    console.log(`${rot.padEnd(44)} ${cells.join(', ')}`);
  }
});

interface Sample {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly content: string;
  /** Every entry that was ever saved, including replaced ones. */
  readonly saved: ReadonlySet<string>;
  /** Only every n-th of the damages of the other logs is tried. */
  readonly oneOf: number;
}

function textOf({ index, term, type, data }: Entry): string {
  return `${index}/${term}/${type}/${data?.join() ?? 'absent'}`;
}

function entriesOf({ storage }: OpenedWal): string[] {
  return storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity).map(textOf);
}

function contentOf(opened: OpenedWal): string {
  const { storage, hardState, snapshots } = opened;
  const rest = { first: storage.firstIndex(), hardState, snapshots };
  const show = (_: string, value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value;
  return `${JSON.stringify(rest, show)} ${entriesOf(opened).join(' ')}`;
}

/**
 * A history with conflicts, a marker and a purge: in one segment that is closed, or in three that
 * are killed.
 */
async function makeSample(name: string, payloadBytes: number, closed: boolean): Promise<Sample> {
  const environment = simulatedEnvironment(11);
  const saved = new Set<string>();
  await runWorkload(environment, async () => {
    const manager = openManager(environment);
    const opened = await manager.createWal(metadata);
    const { wal } = opened;
    let last = 0;
    const append = async (term: number): Promise<void> => {
      const entries = entriesFrom(last + 1, 3, term, payloadBytes + random.below(90));
      last += 3;
      await wal.save({ entries, hardState: { term, vote: 3n, commit: last - 3 } });
      for (const entry of entriesOf(opened)) saved.add(entry);
    };
    for (let batch = 0; batch < 4; batch += 1) await append(1);
    last -= 2;
    await append(2);
    await wal.saveSnapshot({ index: 9, term: 1, confState });
    await wal.purge(5);
    for (let batch = 0; batch < 5; batch += 1) await append(2);
    if (closed) await manager.close();
  });
  const disk = environment.fileSystem.kill(1);
  return { name, disk, content: await contentOn(disk), saved, oneOf: 1 };
}

async function contentOn(disk: SimulatedDisk): Promise<string> {
  const world = simulatedEnvironment(12, disk.kill(1));
  const reopened = await runWorkload(world, async () =>
    contentOf(await openManager(world).replayWal()),
  );
  if (reopened.outcome !== 'finished') throw new Error('the sample was not made');
  return reopened.value;
}

/** A log that several concurrent callers have built. */
async function makeOverlappingSample(seed: number, end: EndOfBuild): Promise<Sample> {
  const { disk, ledger } = await buildOverlapping(backEnd, { seed, calls: 36, end, options: {} });
  const batches = [...ledger.calls.values()];
  const saved = new Set(batches.flatMap(({ entries = [] }) => entries.map(textOf)));
  const name = `${end}, overlapping calls`;
  return { name, disk, content: await contentOn(disk), saved, oneOf: everyPlace ? 1 : 29 };
}

/** Opens a damaged copy and returns the result. */
async function outcomeOf(sample: Sample, damaged: SimulatedDisk, context: string): Promise<string> {
  const environment = simulatedEnvironment(1, damaged);
  let events = 0;
  const result = await runWorkload(environment, async () => {
    const manager = openManager(environment);
    manager.events.subscribe(({ type }) => {
      if (type === 'repaired') events += 1;
    });
    const opened = await manager.replayWal();
    return { content: contentOf(opened), entries: entriesOf(opened), tail: opened.tail };
  }).catch((error: unknown) => {
    if (error instanceof WalError) return error;
    throw new Error(`${context}: not an error of a log`, { cause: error });
  });
  if (result instanceof CorruptError) return `refused, ${result.verdict}`;
  if (result instanceof WalError) return `refused, ${result.code}`;
  if (result.outcome !== 'finished') throw new Error(`${context}: the world stopped`);
  const { content, entries, tail } = result.value;
  if (content === sample.content)
    return tail.verdict === 'clean' ? 'same' : `same, ${tail.verdict}`;
  if (tail.verdict !== 'clean') {
    expect(tail.bytesDropped, context).toBeGreaterThan(0);
    const wrong = entries.filter((entry) => !sample.saved.has(entry));
    expect(wrong, `${context}: entries that were never saved`).toEqual([]);
    return `cut, ${tail.verdict}`;
  }
  const invented = entries.some((entry) => !sample.saved.has(entry));
  if (invented) return 'NOT SEEN, an entry that never was';
  return events > 0 ? 'other contents, with an event' : 'NOT SEEN';
}

function segmentsOf(disk: SimulatedDisk): string[] {
  return disk.surgery.files().filter((path) => path.endsWith('.wal'));
}

const samples: Sample[] = [];

beforeAll(async () => {
  samples.push(await makeSample('closed', 20, true), await makeSample('killed', 1900, false));
  expect(samples.map(({ disk }) => segmentsOf(disk).length)).toEqual([1, 3]);
  for (let seed = firstSeed; seed < firstSeed + overlappingCount; seed += 1) {
    samples.push(await makeOverlappingSample(seed, seed % 2 === 0 ? 'closed' : 'killed'));
  }
});

/** Damages a copy of a sample. */
async function damage(
  sample: Sample,
  rot: string,
  what: string,
  harm: (disk: SimulatedDisk) => void,
): Promise<string> {
  const copy = sample.disk.kill(1);
  harm(copy);
  const outcome = await outcomeOf(sample, copy, `${sample.name} log, ${rot}, ${what}`);
  count(`${sample.name}: ${rot}`, outcome);
  return outcome;
}

/** Takes every offset, or every n-th one. */
function takes(oneOf: number): boolean {
  return everyPlace || random.below(oneOf) === 0;
}

describe('damage', () => {
  it('a flipped bit: only types and length fields can stay undetected', async () => {
    const unseen = new Set<string>();
    for (const sample of samples) {
      const isSmall = sample.name === 'closed';
      for (const path of segmentsOf(sample.disk)) {
        const { kinds } = mapOf(sample.disk.surgery.contents(path));
        for (const [at, kind] of kinds.entries()) {
          const isHead = kind !== 'data' && kind !== 'zeros behind the end';
          if (!takes(isSmall ? (kind === 'zeros behind the end' ? 64 : 1) : isHead ? 1 : 64))
            continue;
          if (!takes(sample.oneOf)) continue;
          const bits = kind === 'type' || everyPlace ? [0, 1, 2, 3, 4, 5, 6, 7] : [random.below(8)];
          for (const bit of bits) {
            const what = `bit ${bit} of byte ${at} of ${path}`;
            const outcome = await damage(sample, `a flipped bit in ${kind}`, what, ({ surgery }) =>
              surgery.flipBit(path, at * 8 + bit),
            );
            if (outcome.startsWith('NOT SEEN')) unseen.add(kind);
            // A hard state with the type of an entry: nothing else can return bytes that were never
            // saved.
            if (outcome.endsWith('never was')) expect(kind).toBe('type');
          }
        }
      }
    }
    expect([...unseen].filter((kind) => kind !== 'type' && kind !== 'length field')).toEqual([]);
  }, 900_000);

  it('a cut file: only a cut at the end of a record in the last segment can stay undetected', async () => {
    for (const sample of samples) {
      const paths = segmentsOf(sample.disk);
      for (const path of paths) {
        const bytes = sample.disk.surgery.contents(path);
        const { ends } = mapOf(bytes);
        for (let length = 0; length < bytes.length; length += 1) {
          const atEnd = ends.includes(length);
          if (!atEnd && !takes(40)) continue;
          if (!takes(sample.oneOf)) continue;
          const rot = `a cut ${atEnd ? 'where a record ends' : 'elsewhere'}`;
          const outcome = await damage(sample, rot, `${path} to ${length}`, ({ surgery }) =>
            surgery.cut(path, length),
          );
          if (/NOT SEEN|event/.test(outcome)) expect([atEnd, path]).toEqual([true, paths.at(-1)]);
        }
      }
    }
  }, 900_000);

  it('a lost sector: only the end of the log can stay undetected', async () => {
    for (const sample of samples) {
      for (const path of segmentsOf(sample.disk)) {
        const bytes = sample.disk.surgery.contents(path);
        const end = mapOf(bytes).ends.at(-1) ?? 0;
        for (let at = 0; at < bytes.length; at += 512) {
          const holdsEnd = at < end && end <= at + 512;
          const rot = `a zeroed sector${holdsEnd ? ' with the end of a segment' : ''}`;
          const outcome = await damage(sample, rot, `${path} at ${at}`, ({ surgery }) =>
            surgery.zero(path, at, Math.min(512, bytes.length - at)),
          );
          if (/NOT SEEN|event/.test(outcome)) {
            expect([holdsEnd, path]).toEqual([true, segmentsOf(sample.disk).at(-1)]);
          }
        }
      }
    }
  });

  it('a zeroed length field ends the log, and the bytes after it are reported', async () => {
    for (const sample of samples) {
      const path = segmentsOf(sample.disk).at(-1) ?? '';
      const { ends } = mapOf(sample.disk.surgery.contents(path));
      for (const start of ends.slice(0, -1)) {
        const outcome = await damage(
          sample,
          'a zeroed length field',
          `${path} at ${start}`,
          (disk) => disk.surgery.zero(path, start, 8),
        );
        // The records after it may have no effect, such as a hard state that is there already.
        expect(outcome).toMatch(/(?:cut|same), uncertain|refused/);
      }
    }
  });

  it('a missing, copied, swapped or renamed segment: only the first and the last can stay undetected', async () => {
    for (const sample of samples) {
      const paths = segmentsOf(sample.disk);
      for (const [at, path] of paths.entries()) {
        const isEdge = at === 0 || at === paths.length - 1;
        const place = isEdge ? (at === 0 ? 'the first' : 'the last') : 'a middle';
        const other = paths[(at + 1) % paths.length] ?? path;
        const renamed = path.replace(/[0-9a-f]{16}-/, '00000000000000ff-');
        const harms: [string, (disk: SimulatedDisk) => void][] = [
          ['gone', ({ surgery }) => surgery.remove(path)],
          ['exchanged', ({ surgery }) => surgery.swap(path, other)],
          ['renamed', ({ surgery }) => surgery.move(path, renamed)],
          ['doubled', ({ surgery }) => surgery.copy(path, renamed)],
        ];
        for (const [what, harm] of harms) {
          if (paths.length === 1 && what === 'exchanged') continue;
          const outcome = await damage(sample, `${place} segment ${what}`, path, harm);
          if (/NOT SEEN|event/.test(outcome)) {
            // A copied or renamed segment looks like a log that was written again. An event names
            // the files that are not read.
            const misplaced = at === 0 && outcome === 'other contents, with an event';
            expect([misplaced || what === 'gone', isEdge]).toEqual([true, true]);
          }
        }
      }
    }
  });
});
