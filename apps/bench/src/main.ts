#!/usr/bin/env node
/**
 * Compares the logs with the raw disk, or with the database below them. Contenders run interleaved
 * in one process, and the output has medians and ratios, because absolute figures drift with the
 * machine. Run it on an idle machine.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseArguments, parts, usage, type Part } from './arguments.ts';
import { coreProposals, proposalsPerRound } from './core.ts';
import { compressionFigures, levelOpening, levelSaves } from './level.ts';
import { compare, table, type Figures } from './measure.ts';
import type { MemoryFigures } from './memory-process.ts';
import { benchNodeMemory } from './node-memory.ts';
import { coldReads, entryCount, fillLogs, rangeReads, replaying } from './reading.ts';
import { messagesPerRound, transportMessages } from './transport.ts';
import { concurrentSaves, sequentialSaves, unsyncedSaves, type Work } from './saving.ts';

/** The arguments that the parts need. */
interface Settings {
  readonly directory: string;
  readonly rounds: number;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
}

async function show(work: Work, rounds: number): Promise<void> {
  const figures = await compare(work.contenders, rounds, (done, all) => {
    progress(`${work.title}: ${done} of ${all}`);
  });
  progress('');
  await work.close();
  const [raw] = figures;
  const ratio = (of: (figure: Figures) => number, figure: Figures): string =>
    raw === undefined ? '' : (of(figure) / of(raw)).toFixed(2);
  console.log(`\n${work.title}\n`);
  const timed = figures.every(({ p50Us }) => !Number.isNaN(p50Us));
  const header = timed
    ? ['', 'p50 µs', 'p99 µs', 'total ms', 'p50 / raw', 'total / raw']
    : ['', 'total ms', 'total / raw'];
  const rows = figures.map((figure) => {
    const total = [figure.totalMs.toFixed(1)];
    const latency = [figure.p50Us.toFixed(1), figure.p99Us.toFixed(1)];
    const totalRatio = ratio(({ totalMs }) => totalMs, figure);
    return timed
      ? [figure.name, ...latency, ...total, ratio(({ p50Us }) => p50Us, figure), totalRatio]
      : [figure.name, ...total, totalRatio];
  });
  console.log(table(header, rows));
}

async function benchSaves({ directory, rounds }: Settings): Promise<void> {
  await show(await sequentialSaves(directory, 1, 500), rounds);
  await show(await sequentialSaves(directory, 64, 200), rounds);
  await show(await concurrentSaves(directory, 64, 100), rounds);
  await show(await unsyncedSaves(directory, 300), rounds);
}

async function benchReads({ directory, rounds }: Settings): Promise<void> {
  progress(`filling logs with ${entryCount.toLocaleString('en')} entries`);
  const logs = await fillLogs(directory);
  await show(replaying(logs), rounds);
  await show(await coldReads(logs), rounds);
  await show(await rangeReads(logs), rounds);
}

async function benchMemory({ directory }: Settings): Promise<void> {
  for (const log of ['wal-native', 'wal-etcd']) await benchMemoryOf(log, directory);
}

async function benchMemoryOf(log: string, directory: string): Promise<void> {
  const script = fileURLToPath(new URL('memory-process.js', import.meta.url));
  const rows: string[][] = [];
  for (const payloadBytes of [100, 1024, 10 * 1024]) {
    progress(`${log}: memory of 100,000 entries of ${payloadBytes} B`);
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      script,
      log,
      `${directory}/memory-${payloadBytes}`,
      String(payloadBytes),
    ]);
    const figures = JSON.parse(stdout) as MemoryFigures;
    rows.push([
      `${payloadBytes.toLocaleString('en')} B`,
      mebibytes(figures.entries * payloadBytes),
      mebibytes(figures.indexBytes),
      (figures.indexBytes / figures.entries).toFixed(2),
      mebibytes(figures.cacheBytes),
      mebibytes(figures.javaScriptBytes),
      mebibytes(figures.anonymousRssBytes),
    ]);
    await rm(`${directory}/memory-${payloadBytes}`, { recursive: true });
  }
  progress('');
  console.log(`\n${log}: memory of a running log with 100,000 entries (MiB)\n`);
  const header = ['payload', 'held on disk', 'index', 'B/entry', 'cache', 'all JavaScript', 'RSS'];
  console.log(table(header, rows));
}

/** Each table compares its contenders with the first one. */
async function benchLevel({ directory, rounds }: Settings): Promise<void> {
  progress('durable batches on LevelDB, warming up');
  await show(await levelSaves(directory, 1, 1024, 500), rounds);
  await show(await levelSaves(directory, 64, 128, 300), rounds);
  await show(await levelSaves(directory, 64, 1024, 150), rounds);
  progress('filling a log with 100,000 entries');
  await show(await levelOpening(directory), rounds);
  const figures = await compressionFigures(directory, (done, all) => {
    progress(`compression: ${done} of ${all}`);
  });
  progress('');
  console.log('\nLevelDB with and without compression: 20,000 × 1 KB\n');
  const rows = figures.map(({ payload, compression, fillMs, bytesOnDisk, readUs }) => [
    `${payload}, ${compression ? 'compressed' : 'as they are'}`,
    fillMs.toFixed(0),
    mebibytes(bytesOnDisk),
    readUs.toFixed(1),
  ]);
  console.log(table(['', 'fill ms', 'MiB on disk', 'read one µs'], rows));
}

/** No raw floor here: the figure is proposals per second. */
async function benchCore({ rounds }: Settings): Promise<void> {
  const { title, contenders } = coreProposals();
  const figures = await compare(contenders, rounds, (done, all) => {
    progress(`${title}: ${done} of ${all}`);
  });
  progress('');
  console.log(`\n${title}\n`);
  const rows = figures.map(({ name, totalMs }) => [
    name,
    totalMs.toFixed(0),
    Math.round((proposalsPerRound / totalMs) * 1000).toLocaleString('en'),
  ]);
  const header = ['', `ms for ${proposalsPerRound.toLocaleString('en')}`, 'committed per second'];
  console.log(table(header, rows));
}

/** Messages per second, and how many times plain requests that is. */
async function benchTransport({ directory, rounds }: Settings): Promise<void> {
  const work = await transportMessages(directory);
  const { title, contenders } = work;
  const figures = await compare(contenders, rounds, (done, all) => {
    progress(`${title}: ${done} of ${all}`);
  });
  progress('');
  await work.close();
  console.log(`\n${title}\n`);
  const [plain] = figures;
  const rows = figures.map(({ name, totalMs }) => [
    name,
    Math.round((messagesPerRound / totalMs) * 1000).toLocaleString('en'),
    ((plain?.totalMs ?? totalMs) / totalMs).toFixed(1),
  ]);
  console.log(table(['', 'messages per second', 'times plain'], rows));
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(2);

/** The function that runs for each part. */
const benches: Readonly<Record<Part, (settings: Settings) => Promise<void>>> = {
  save: benchSaves,
  read: benchReads,
  memory: benchMemory,
  level: benchLevel,
  core: benchCore,
  transport: benchTransport,
  node: ({ directory }) => benchNodeMemory(directory, progress),
};

async function main(): Promise<void> {
  const chosen = parseArguments(process.argv.slice(2));
  if (chosen === undefined) {
    console.log(usage);
    return;
  }
  const { rounds } = chosen;
  const above = chosen.directory ?? tmpdir();
  await mkdir(above, { recursive: true });
  const directory = await mkdtemp(`${above}/babuza-bench-`);
  console.log(
    `Node.js ${process.version}, ${process.platform} ${process.arch}; medians of ${rounds} rounds`,
  );
  try {
    for (const part of parts) {
      if (chosen.parts.has(part)) await benches[part]({ directory, rounds });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
