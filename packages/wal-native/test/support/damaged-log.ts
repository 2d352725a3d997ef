/** Logs that tests damage: creating them, finding their frames, and opening them again. */
import { createHash } from 'node:crypto';
import type { Entry } from '@babuza/raftpb';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { OpenedWal, TailReport, WalMetadataInput } from '@babuza/wal-core';
import { frameSeed } from '../../src/format/checksum.ts';
import { frameBytes, FrameKind, newFrameHeader, readFrameHeader } from '../../src/format/frame.ts';
import { framesStart } from '../../src/format/layout.ts';
import { parseSegmentName } from '../../src/format/segment-name.ts';
import type { NativeWalOptions } from '../../src/index.ts';
import { directory, metadata, openManager } from './workload.ts';

export function entriesOf(first: number, last: number, term = 1, bytes = 100): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => {
    const index = first + at;
    return { index, term, type: 0, data: new Uint8Array(bytes).fill(index + 64 * term) };
  });
}

/** Batches of three entries, then additional work, then a killed process or a clean close. */
export async function makeLog(
  batches: number,
  bytes: number,
  more: {
    readonly closed?: boolean;
    readonly input?: WalMetadataInput;
    readonly seed?: number;
  } = {},
  work: (opened: OpenedWal, disk: SimulatedDisk) => Promise<void> = () => Promise.resolve(),
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(more.seed ?? 1);
  const disk = environment.fileSystem;
  await runWorkload(environment, async () => {
    const manager = openManager(environment, { recycledMax: 0 });
    const opened = await manager.createWal(more.input ?? metadata);
    for (let first = 1; first <= 3 * batches; first += 3) {
      const hardState = { term: 1, vote: 3n, commit: first - 1 };
      await opened.wal.save({ entries: entriesOf(first, first + 2, 1, bytes), hardState });
    }
    await work(opened, disk);
    if (more.closed === true) await manager.close();
  });
  return disk.kill(1);
}

export const small = (): Promise<SimulatedDisk> => makeLog(3, 100);
/** Eight batches of 3 × 1000 bytes, two in each segment. */
export const large = (): Promise<SimulatedDisk> => makeLog(8, 1000);

export function segmentsOf(disk: SimulatedDisk): string[] {
  return disk.surgery.files().filter((path) => path.endsWith('.wal'));
}

export function segmentAt(disk: SimulatedDisk, at: number): string {
  const path = segmentsOf(disk).at(at);
  if (path === undefined) throw new Error(`there is no segment ${at}`);
  return path;
}

export interface LocatedFrame {
  readonly kind: number;
  readonly index: number;
  readonly offset: number;
  readonly bytes: number;
}

/** The frames of the last batch of the newest segment. */
export function lastBatch(disk: SimulatedDisk): { path: string; frames: LocatedFrame[] } {
  const path = segmentAt(disk, -1);
  const salt = parseSegmentName(path.slice(directory.length + 1))?.salt ?? 0;
  const contents = disk.surgery.contents(path);
  const view = new DataView(contents.buffer, contents.byteOffset, contents.length);
  const header = newFrameHeader();
  let batch: LocatedFrame[] = [];
  let next: LocatedFrame[] = [];
  let offset = framesStart;
  while (readFrameHeader(view, offset, frameSeed(salt, offset), header)) {
    const bytes = frameBytes(header.bodyBytes);
    next.push({ kind: header.kind, index: header.index, offset, bytes });
    offset += bytes;
    if (header.kind !== FrameKind.Commit) continue;
    batch = next;
    next = [];
  }
  return { path, frames: batch };
}

/** Zeroes the frames of the last batch that `which` selects. */
export function loseFrames(disk: SimulatedDisk, which: (frame: LocatedFrame) => boolean): void {
  const { path, frames } = lastBatch(disk);
  const lost = frames.filter(which);
  if (lost.length === 0) throw new Error('no frame was lost');
  for (const { offset, bytes } of lost) disk.surgery.zero(path, offset, bytes);
}

/** A digest of each file except the lock, an empty file that stays. */
export function digestsOf({ surgery }: SimulatedDisk): Map<string, string> {
  const digest = (path: string): string =>
    createHash('sha256').update(surgery.contents(path)).digest('hex');
  const files = surgery.files().filter((path) => !path.includes('/LOCK'));
  return new Map(files.map((path) => [path, digest(path)]));
}

export interface Seen {
  readonly error: unknown;
  readonly entries: readonly Entry[];
  readonly tail: TailReport | undefined;
  readonly repaired: readonly string[];
}

export function allEntries({ storage }: OpenedWal): readonly Entry[] {
  return storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity);
}

/** Opens the log, runs `work` and does not close it. */
export async function reopen(
  disk: SimulatedDisk,
  options: NativeWalOptions = {},
  work: (opened: OpenedWal) => Promise<void> = () => Promise.resolve(),
): Promise<Seen> {
  const environment = simulatedEnvironment(9, disk);
  const repaired: string[] = [];
  const run = await runWorkload(environment, async () => {
    const manager = openManager(environment, options);
    manager.events.subscribe((event) => {
      if (event.type === 'repaired') repaired.push(event.what);
    });
    try {
      const opened = await manager.replayWal();
      const entries = allEntries(opened);
      await work(opened);
      return { error: undefined, entries, tail: opened.tail };
    } catch (error) {
      return { error, entries: [], tail: undefined };
    }
  });
  if (run.outcome !== 'finished') throw new Error('the world stopped');
  return { ...run.value, repaired };
}
