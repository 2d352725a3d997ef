/**
 * One flipped bit in any byte of a real LevelDB database. Opening refuses the log, or the log has
 * the same content as before. There is one exception: damage in LevelDB's own log drops the rest of
 * a block of 32 KiB, so a log may end earlier. The sync record reveals that, except for batches of
 * the last 50 ms before a crash, which it does not have yet.
 *
 * `BABUZA_ROT=every` flips a bit of every byte of the small database, and many of the larger one.
 * By default every 24th byte is flipped, from an offset that `BABUZA_SEED` sets.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '@babuza/testkit';
import { nodeEnvironment } from '@babuza/vfs';
import { walBackend, type DiskWalOptions } from '../src/index.ts';
import { syncRecordsIn } from '../src/layout.ts';
import { SyncRecordFiles } from '../src/sync-record-files.ts';
import { contentOf } from './support/content.mjs';
import { bytesOf, takeFiles, without, type Files } from './support/files-of-log.ts';
import { flipAll, type Flip, type Sample, type Tally } from './support/flipping.ts';

const every = process.env['BABUZA_ROT'] === 'every';
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);
const identity = { clusterId: 1, nodeId: 1 };
/** A file system in memory, if there is one, because LevelDB syncs at every opening. */
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
  /** How many batches come after the last write of the sync record. */
  readonly unrecorded: number;
  /** Whether the log was closed and opened once more, so that LevelDB has written it to a table. */
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
    if (batch === plan.batches - plan.unrecorded) {
      await untilRecorded(directory, batch);
    }
  }
  // The files of an open log are what a killed process leaves: LevelDB has passed every write to
  // the operating system.
  const crashed = takeFiles(directory);
  await manager.close();
  if (!plan.closed) return { files: crashed, contents };
  const again = await walBackend.open(directory);
  await again.replayWal();
  await again.close();
  return { files: takeFiles(directory), contents };
}

/** The creation of a log is batch 1, and each save is one more. */
async function untilRecorded(directory: string, batch: number): Promise<void> {
  const syncRecords = new SyncRecordFiles(syncRecordsIn(directory), nodeEnvironment().fileSystem);
  for (;;) {
    const stored = await syncRecords.read(0n);
    if (stored.kind === 'batch' && stored.batch === batch + 1) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** One bit of each byte, or of every 24th byte. */
function bytesOfAll(files: Files): Flip[] {
  const all = [...files].flatMap(([name, { length }]) =>
    Array.from({ length }, (_, offset): Flip => [name, offset, 1 << (offset % 8)]),
  );
  return every ? all : all.filter((_, at) => at % 24 === firstSeed % 24);
}

function onlyLogs(files: Files): Files {
  return new Map([...files].filter(([name]) => name.endsWith('.log')));
}

/** Random bits of the files that hold data. */
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

async function flipAndCount(
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
  unrecorded: 0,
  closed: false,
};

describe('one flipped bit in a small database', { timeout: 600_000 }, () => {
  it('after a kill with every batch in the sync record is noticed or harmless', async () => {
    const sample = await makeSample(small);
    const flips = bytesOfAll(without(sample.files, /LOG/));
    const { counts, unnoticed } = await flipAndCount(
      'after a kill, all in the sync record',
      sample,
      flips,
    );
    expect([...unnoticed]).toEqual([]);
    expect(counts.get('refused when opened')).toBeGreaterThan(flips.length / 2);
  });

  it('after a kill with the last batches missing in the sync record can silently lose only those', async () => {
    const sample = await makeSample({ ...small, unrecorded: 3 });
    const flips = bytesOfAll(onlyLogs(sample.files));
    const title = 'after a kill, the last 3 of 13 batches not in the sync record, bytes of the log';
    const { batchesMin, counts } = await flipAndCount(title, sample, flips);
    // The creation of the log is a batch, too.
    expect(batchesMin).toBeGreaterThanOrEqual(small.batches - 3);
    expect(counts.get('ends earlier')).toBeGreaterThan(0);
  });

  it('without a sync record shows what LevelDB alone hides', async () => {
    const sample = await makeSample(small);
    const alone = { ...sample, files: without(sample.files, /^witness/) };
    const flips = bytesOfAll(onlyLogs(alone.files));
    const title = 'without a sync record, bytes of the log';
    const { batchesMin, counts } = await flipAndCount(title, alone, flips);
    expect(counts.get('ends earlier')).toBeGreaterThan(flips.length / 2);
    // Even the creation is lost, as if there never had been a log.
    expect([batchesMin, (counts.get('gone') ?? 0) > 0]).toEqual([0, true]);
  });

  it('after a clean close, in tables, is noticed or harmless', async () => {
    const sample = await makeSample({ ...small, closed: true });
    const flips = bytesOfAll(without(sample.files, /LOG/));
    // LevelDB may end the process, because an assertion fails on the damaged structure of a block.
    const { unnoticed } = await flipAndCount('after a clean close', sample, flips);
    expect([...unnoticed]).toEqual([]);
  });

  it('never ends the process when everything is verified on open', async () => {
    const sample = await makeSample({ ...small, closed: true });
    const flips = bytesOfAll(without(sample.files, /LOG/));
    const title = 'after a clean close, verified on open';
    const tally = await flipAndCount(title, sample, flips, { verifyOnOpen: true });
    expect([...tally.unnoticed, ...tally.ended]).toEqual([]);
    expect(tally.counts.get('refused when read') ?? 0).toBe(0);
  });
});

describe('one flipped bit in a larger database', { timeout: 600_000 }, () => {
  const larger: Plan = {
    batches: 60,
    entriesPerBatch: 4,
    payloadBytes: 1200,
    unrecorded: 2,
    closed: false,
  };

  it('of several blocks of LevelDB’s log, after a kill', async () => {
    const sample = await makeSample(larger);
    const flips = randomBits(sample.files, every ? 2000 : 60);
    const title = 'larger, after a kill, the last 2 of 61 batches not in the sync record';
    const { batchesMin } = await flipAndCount(title, sample, flips);
    expect(Math.min(batchesMin, larger.batches)).toBeGreaterThanOrEqual(larger.batches - 2);
  });

  it('of tables, after a clean close, even when everything is verified on open', async () => {
    const sample = await makeSample({ ...larger, closed: true });
    const flips = randomBits(sample.files, every ? 2000 : 60);
    const title = 'larger, after a clean close, verified on open';
    const { unnoticed, counts } = await flipAndCount(title, sample, flips, { verifyOnOpen: true });
    expect([...unnoticed]).toEqual([]);
    expect(counts.get('refused when read') ?? 0).toBe(0);
  });
});
