/** Performs the operations of a specification with `RawWal`. */
import type { ConfState } from '@babuza/raftpb';
import { RawWal, type EtcdEntry, type RawWalOptions } from '../../src/format.ts';
import { bytesOf, generated, type ByteString } from './byte-strings.ts';

type Number64 = string | number;

interface HardStateLine {
  readonly term: Number64;
  readonly vote: Number64;
  readonly commit: Number64;
}

type Operation =
  | { readonly op: 'segmentSize'; readonly bytes: number }
  | { readonly op: 'create'; readonly metadata?: ByteString }
  | { readonly op: 'save'; readonly hs?: HardStateLine; readonly entries: readonly EntryLine[] }
  | RunLine
  | SnapshotLine
  | { readonly op: 'cut' | 'sync' | 'close' }
  | { readonly op: 'reopen'; readonly index?: Number64; readonly term?: Number64 };

interface EntryLine {
  readonly term: Number64;
  readonly index: Number64;
  readonly type: number;
  readonly data?: ByteString;
}

interface RunLine {
  readonly op: 'saveRun';
  readonly term: Number64;
  readonly firstIndex: Number64;
  readonly count: number;
  readonly batch: number;
  readonly sizes: readonly number[];
  readonly seed: number;
  readonly period: number;
  readonly hsEvery?: boolean;
  readonly vote?: Number64;
}

interface SnapshotLine {
  readonly op: 'saveSnapshot';
  readonly index: Number64;
  readonly term: Number64;
  readonly confState?: ConfStateLine;
}

export interface ConfStateLine {
  readonly voters?: readonly Number64[];
  readonly learners?: readonly Number64[];
  readonly votersOutgoing?: readonly Number64[];
  readonly learnersNext?: readonly Number64[];
  readonly autoLeave?: boolean;
}

export type SpecLine = Operation;

const noHardState = { term: 0n, vote: 0n, commit: 0n };

/** Performs the operations. If they end like a kill, the log is returned open. */
export async function performSpec(
  directory: string,
  operations: readonly SpecLine[],
  options: RawWalOptions,
): Promise<RawWal | undefined> {
  let segmentBytes: number | undefined;
  let wal: RawWal | undefined;
  for (const operation of operations) {
    if (operation.op === 'segmentSize') segmentBytes = operation.bytes;
    else if (operation.op === 'create') {
      const metadata = bytesOf(operation.metadata);
      wal = await RawWal.create(directory, metadata, { ...options, segmentBytes });
    } else if (wal === undefined) throw new Error(`${operation.op} without a log`);
    else if (operation.op === 'close') {
      await wal.close();
      wal = undefined;
    } else if (operation.op === 'reopen') {
      await wal.close();
      const snapshot = { index: BigInt(operation.index ?? 0), term: BigInt(operation.term ?? 0) };
      wal = await RawWal.open(directory, snapshot, { ...options, segmentBytes });
      await wal.readAll();
    } else await perform(wal, operation);
  }
  return wal;
}

async function perform(
  wal: RawWal,
  operation: Exclude<Operation, { op: 'segmentSize' | 'create' | 'close' | 'reopen' }>,
): Promise<void> {
  switch (operation.op) {
    case 'save':
      await wal.save(hardStateOf(operation.hs), operation.entries.map(entryOf));
      break;
    case 'saveRun':
      await saveRun(wal, operation);
      break;
    case 'saveSnapshot': {
      const { index, term, confState } = operation;
      await wal.saveSnapshot({
        index: BigInt(index),
        term: BigInt(term),
        ...(confState === undefined ? {} : { confState: confStateOf(confState) }),
      });
      break;
    }
    case 'cut':
      await wal.cut();
      break;
    case 'sync':
      await wal.sync();
      break;
    default:
      throw new Error(`unknown operation: ${JSON.stringify(operation)}`);
  }
}

async function saveRun(wal: RawWal, run: RunLine): Promise<void> {
  const { count, batch, sizes, seed, period, hsEvery = false, vote = 0 } = run;
  const term = BigInt(run.term);
  const first = BigInt(run.firstIndex);
  for (let at = 0; at < count; at += batch) {
    const entries: EtcdEntry[] = [];
    for (let i = at; i < Math.min(count, at + batch); i += 1) {
      const data = generated(seed + i, sizes[i % sizes.length] ?? 0, period);
      entries.push({ type: 0, term, index: first + BigInt(i), data });
    }
    const commit = first + BigInt(at) - 1n;
    await wal.save(hsEvery ? { term, vote: BigInt(vote), commit } : noHardState, entries);
  }
}

function hardStateOf(line: HardStateLine | undefined): typeof noHardState {
  if (line === undefined) return noHardState;
  return { term: BigInt(line.term), vote: BigInt(line.vote), commit: BigInt(line.commit) };
}

function entryOf({ term, index, type, data }: EntryLine): EtcdEntry {
  return { type, term: BigInt(term), index: BigInt(index), data: bytesOf(data) };
}

export function confStateOf(line: ConfStateLine): ConfState {
  const ids = (list: readonly Number64[] = []): bigint[] => list.map((id) => BigInt(id));
  return {
    voters: ids(line.voters),
    learners: ids(line.learners),
    votersOutgoing: ids(line.votersOutgoing),
    learnersNext: ids(line.learnersNext),
    autoLeave: line.autoLeave ?? false,
  };
}
