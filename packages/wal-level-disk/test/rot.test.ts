/**
 * One flipped bit in any byte of a database, on the real LevelDB. Whatever it does to the file, the
 * log is refused, or it is what it was. The one exception is counted and explained: damage in
 * LevelDB's own log drops what follows it in a block of 32 KiB, so a log may end earlier. That is
 * missed because of the witness, except for what was acknowledged after the witness was last told:
 * 50 ms before a crash.
 *
 * `BABUZA_ROT=every` flips a bit of every byte of the small database, and many of the larger one;
 * by default it is every 24th byte, from where `BABUZA_SEED` says.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '@babuza/testkit';
import { nodeEnvironment } from '@babuza/vfs';
import { walBackend, type DiskWalOptions } from '../src/index.ts';
import { witnessesIn } from '../src/layout.ts';
import { WitnessFiles } from '../src/witness-files.ts';
import { contentOf } from './support/content.mjs';
import { bytesOf, takeFiles, without, type Files } from './support/files-of-log.ts';
import { flipAll, type Flip, type Sample, type Tally } from './support/flipping.ts';

const every = process.env['BABUZA_ROT'] === 'every';
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);
const identity = { clusterId: 1, nodeId: 1 };
/** A file system in memory where there is one: LevelDB syncs whenever it opens. */
const scratchRoot = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

let scratch = '';

beforeAll(async () => {
  scratch = await mkdtemp(`${scratchRoot}/babuza-level-rot-`);
});

afterAll(() => rm(scratch, { recursive: true }));

interface Plan {
  readonly batches: number;
  readonly entriesPerBatch: number;
  readonly payloadBytes: number;
  /** The last so many batches come after the witness was told. */
  readonly unwitnessed: number;
  /** Whether the log was closed, and opened once more: LevelDB has made a table of it then. */
  readonly closed: boolean;
}

async function makeSample(plan: Plan): Promise<Sample> {
  const directory = `${scratch}/origin`;
  await rm(directory, { recursive: true, force: true });
  const manager = await walBackend.open(directory);
  const opened = await manager.createWal(identity);
  const contents = [contentOf(opened.storage)];
  for (let batch = 1; batch <= plan.batches; batch += 1) {
    const first = opened.storage.lastIndex() + 1;
    const entries = Array.from({ length: plan.entriesPerBatch }, (_, at) => {
      const data = new Uint8Array(plan.payloadBytes).map((_, byte) => first + at + byte * 7);
      return { index: first + at, term: batch, type: 0 as const, data };
    });
    const hardState = { term: batch, vote: 1n, commit: Math.max(0, first - 2) };
    await opened.wal.save({ entries, hardState });
    contents.push(contentOf(opened.storage));
    if (batch === plan.batches - plan.unwitnessed) {
      await untilWitnessed(directory, batch);
    }
  }
  // While it is open: what a killed process leaves. LevelDB has handed everything to the system.
  const crashed = takeFiles(directory);
  await manager.close();
  if (!plan.closed) return { files: crashed, contents };
  const again = await walBackend.open(directory);
  await again.replayWal();
  await again.close();
  return { files: takeFiles(directory), contents };
}

/** The creation of a log is number 1, each save one more. */
async function untilWitnessed(directory: string, batch: number): Promise<void> {
  const witness = new WitnessFiles(witnessesIn(directory), nodeEnvironment().fileSystem);
  for (;;) {
    const recalled = await witness.recall(0n);
    if (recalled.kind === 'batch' && recalled.batch === batch + 1) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** One bit of each byte, or of every 24th. */
function bytesOfAll(files: Files): Flip[] {
  const all = [...files].flatMap(([name, { length }]) =>
    Array.from({ length }, (_, offset): Flip => [name, offset, 1 << (offset % 8)]),
  );
  return every ? all : all.filter((_, at) => at % 24 === firstSeed % 24);
}

function onlyLogs(files: Files): Files {
  return new Map([...files].filter(([name]) => name.endsWith('.log')));
}

/** So many random bits of the files that hold data. */
function randomBits(files: Files, count: number): Flip[] {
  const random = new SeededRandom(firstSeed);
  const data = [...files].filter(([name]) => /\.(?:log|ldb)$|MANIFEST/.test(name));
  const total = bytesOf(new Map(data));
  return Array.from({ length: count }, () => {
    let at = random.below(total);
    for (const [name, { length }] of data) {
      if (at < length) return [name, at, 1 << random.below(8)] as const;
      at -= length;
    }
    throw new Error('there is no such byte');
  });
}

async function judge(
  title: string,
  sample: Sample,
  flips: readonly Flip[],
  options?: DiskWalOptions,
): Promise<Tally> {
  const tally = await flipAll(scratch, sample, flips, options);
  const { counts, unnoticed, ended } = tally;
  const lines = [...counts].map(([outcome, count]) => `${outcome} ${count}`).join(', ');
  const where = [...unnoticed].map(([name, count]) => `${name} ${count}`).join(', ');
  const explained =
    where === '' ? '' : `; not detected (LevelDB drops the rest of a block): ${where}`;
  const bytes = bytesOf(sample.files);
  const summary = `${title}: ${bytes} bytes, ${flips.length} flips: ${lines}${explained}`;
  console.log([summary, ...ended].join('\n  '));
  expect(tally.wrong).toEqual([]);
  return tally;
}

const small: Plan = {
  batches: 12,
  entriesPerBatch: 2,
  payloadBytes: 40,
  unwitnessed: 0,
  closed: false,
};

describe('one flipped bit in a small database', { timeout: 600_000 }, () => {
  it('after a kill, all of it witnessed: every one is noticed or harmless', async () => {
    const sample = await makeSample(small);
    const flips = bytesOfAll(without(sample.files, /LOG/));
    const { counts, unnoticed } = await judge('after a kill, witnessed', sample, flips);
    expect([...unnoticed]).toEqual([]);
    expect(counts.get('refused when opened')).toBeGreaterThan(flips.length / 2);
  });

  it('after a kill, the last batches not witnessed: only those can be lost silently', async () => {
    const sample = await makeSample({ ...small, unwitnessed: 3 });
    const flips = bytesOfAll(onlyLogs(sample.files));
    const title = 'after a kill, the last 3 of 13 batches not witnessed, bytes of the log';
    const { batchesMin, counts } = await judge(title, sample, flips);
    // The creation of the log is one, too.
    expect(batchesMin).toBeGreaterThanOrEqual(small.batches - 3);
    expect(counts.get('ends earlier')).toBeGreaterThan(0);
  });

  it('the same without a witness: what LevelDB alone would hide', async () => {
    const sample = await makeSample(small);
    const alone = { ...sample, files: without(sample.files, /^witness/) };
    const flips = bytesOfAll(onlyLogs(alone.files));
    const title = 'without a witness, bytes of the log';
    const { batchesMin, counts } = await judge(title, alone, flips);
    expect(counts.get('ends earlier')).toBeGreaterThan(flips.length / 2);
    // Even the creation is lost: as if there never had been a log.
    expect([batchesMin, (counts.get('gone') ?? 0) > 0]).toEqual([0, true]);
  });

  it('after a clean close, in tables: every one is noticed or harmless', async () => {
    const sample = await makeSample({ ...small, closed: true });
    const flips = bytesOfAll(without(sample.files, /LOG/));
    // LevelDB may end the process: its own assertions meet the structure of a block that is not
    // right.
    const { unnoticed } = await judge('after a clean close', sample, flips);
    expect([...unnoticed]).toEqual([]);
  });

  it('the same when everything is verified on open: it never ends the process', async () => {
    const sample = await makeSample({ ...small, closed: true });
    const flips = bytesOfAll(without(sample.files, /LOG/));
    const title = 'after a clean close, verified on open';
    const tally = await judge(title, sample, flips, { verifyOnOpen: true });
    expect([...tally.unnoticed, ...tally.ended]).toEqual([]);
    expect(tally.counts.get('refused when read') ?? 0).toBe(0);
  });
});

describe('one flipped bit in a larger database', { timeout: 600_000 }, () => {
  const larger: Plan = {
    batches: 60,
    entriesPerBatch: 4,
    payloadBytes: 1200,
    unwitnessed: 2,
    closed: false,
  };

  it('of several blocks of LevelDB’s log, after a kill', async () => {
    const sample = await makeSample(larger);
    const flips = randomBits(sample.files, every ? 2000 : 60);
    const title = 'larger, after a kill, the last 2 of 61 batches not witnessed';
    const { batchesMin } = await judge(title, sample, flips);
    expect(Math.min(batchesMin, larger.batches)).toBeGreaterThanOrEqual(larger.batches - 2);
  });

  it('of tables, after a clean close, also when everything is verified on open', async () => {
    const sample = await makeSample({ ...larger, closed: true });
    const flips = randomBits(sample.files, every ? 2000 : 60);
    const title = 'larger, after a clean close, verified on open';
    const { unnoticed, counts } = await judge(title, sample, flips, { verifyOnOpen: true });
    expect([...unnoticed]).toEqual([]);
    expect(counts.get('refused when read') ?? 0).toBe(0);
  });
});
