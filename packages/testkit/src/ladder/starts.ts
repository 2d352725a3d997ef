/**
 * Logs whose processes ended in different ways, for tests that reopen them on a disk that fails.
 */
import type { OpenedWal } from '@babuza/wal-core';
import type { Ledger, LedgerBatch } from '@babuza/wal-core/conformance';
import type { Fault } from '../fault-rules.ts';
import { SimulatedDisk, type SimulatedDiskOptions } from '../simulated-disk.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { perform } from './author.ts';
import { expectNothing, ledgerFor, logFiles, metadata, type BackEnd } from './back-end.ts';
import { buildOverlapping } from './overlapping-build.ts';
import { entriesFrom } from './scripts.ts';

const oneVoter = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** A log that an earlier process has left. */
export interface Start {
  readonly name: string;
  readonly disk: SimulatedDisk;
  /** The ledger with the calls of the earlier process. */
  readonly ledger: Ledger;
  /** Only one of this many calls fails, a different one each time. Default 1. */
  readonly step?: number;
}

type End = (
  world: SimulatedEnvironment,
  opened: OpenedWal,
  close: () => Promise<void>,
) => Promise<void>;

const rotating: LedgerBatch = { entries: entriesFrom(25, 12, 1, 700) };
const torn: LedgerBatch = { entries: entriesFrom(25, 3, 1, 600) };

/**
 * Makes logs of 24 entries of 700 bytes in two segments, with a snapshot record: one that was
 * closed, one whose process was killed in a rotation, one with a torn tail, one whose process was
 * killed in a purge. `tornBytes` of the torn batch were written.
 */
export async function makeStarts(backEnd: BackEnd, tornBytes = 1200): Promise<Start[]> {
  const startOf = (name: string, end: End, attempted: readonly LedgerBatch[]): Promise<Start> =>
    runFirstProcess(backEnd, name, end, attempted);
  return [
    await startOf('closed', (_world, _opened, close) => close(), []),
    await startOf(
      'killed in a rotation',
      async ({ fileSystem }, { wal }) => {
        let renamed = false;
        fileSystem.stopWhen(({ operation }) => {
          renamed ||= operation === 'rename';
          return renamed && operation === 'write-durable';
        });
        // A back end that writes nothing after the rename is killed at its next save.
        for (let batch = 0; batch < 4; batch += 1) await wal.save(rotating);
      },
      [rotating],
    ),
    await startOf(
      'torn',
      async ({ fileSystem }, { wal }) => {
        const partial: Fault = { type: 'partial-write', kind: 'io', bytes: tornBytes };
        fileSystem.inject({ on: 'write-durable', fault: partial });
        await wal.save(torn).catch(() => undefined);
      },
      [torn],
    ),
    await startOf(
      'purged, and the files are still there',
      async ({ fileSystem }, { wal }) => {
        fileSystem.stopWhen(({ operation }) => operation === 'rename' || operation === 'unlink');
        await wal.purge(20);
      },
      [{ purgeTo: 20 }],
    ),
  ];
}

/**
 * Makes logs by overlapping calls. Their processes end in turn: killed during calls, after a clean
 * close, killed between calls.
 */
export async function makeOverlappingStarts<Options extends object>(
  backEnd: BackEnd<Options>,
  seeds: readonly number[],
  options: Options,
): Promise<Start[]> {
  const ends = ['killed beside calls', 'closed', 'killed'] as const;
  const starts: Start[] = [];
  for (const seed of seeds) {
    const end = ends[seed % 3] ?? 'closed';
    const { name, disk, ledger } = await buildOverlapping(backEnd, {
      seed,
      calls: 30,
      end,
      options,
    });
    starts.push({ name, disk, ledger, step: 7 });
  }
  return starts;
}

async function runFirstProcess(
  backEnd: BackEnd,
  name: string,
  end: End,
  attempted: readonly LedgerBatch[],
): Promise<Start> {
  const environment = simulatedEnvironment(1);
  const { fileSystem: disk } = environment;
  const ledger = ledgerFor(backEnd);
  const batches: LedgerBatch[] = [];
  for (let first = 1; first <= 22; first += 3) {
    const hardState = { term: 1, vote: 1n, commit: first - 1 };
    batches.push({ entries: entriesFrom(first, 3, 1, 700), hardState });
  }
  batches.push({ snapshot: { index: 20, term: 1, confState: oneVoter } });
  await runWorkload(environment, async () => {
    const manager = backEnd.open(environment);
    const opened = await manager.createWal(metadata);
    for (const batch of batches) {
      const error = await perform(opened, ledger, batch);
      if (error !== undefined) throw error;
    }
    await end(environment, opened, () => manager.close());
  });
  const told = ledgerFor(backEnd);
  for (const batch of batches) told.acknowledge(told.attempt(batch));
  for (const batch of attempted) told.attempt(batch);
  return { name, disk: disk.kill(1), ledger: told };
}

/** The ledger of the first process. Its last calls are settled by what a healthy world finds. */
export async function ledgerOf(backEnd: BackEnd, start: Start): Promise<Ledger> {
  const ledger = start.ledger.copy();
  const environment = simulatedEnvironment(9, await copyOf(backEnd, start, { seed: 1 }));
  await runWorkload(environment, async () => {
    const opened = await backEnd.open(environment).replayWal();
    expectNothing(ledger.judge(opened), start.name);
    ledger.adopt(opened);
  });
  return ledger;
}

/** Copies the files of the log to another disk. */
export async function copyOf(
  { directory }: BackEnd,
  { disk }: Start,
  options: SimulatedDiskOptions,
): Promise<SimulatedDisk> {
  const copy = new SimulatedDisk(options);
  await copy.makeDirectory(directory);
  for (const path of logFiles(disk)) copy.surgery.put(path, disk.surgery.contents(path));
  return copy;
}
