/** Short histories of a log: a process uses it and is killed, and the next process opens it. */
import type { ConfState, Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { confState, entriesFrom, metadata } from '@babuza/testkit/ladder';
import type { OpenedWal, ReplayOptions, WalManager } from '@babuza/wal-core';
import type { EtcdWalOptions } from '../../src/index.ts';
import { openManager } from './back-end.ts';

export const snapshotAt = (
  index: number,
  term: number,
  members: ConfState = confState,
): SnapshotMetadata => ({ index, term, confState: members });
export const commitTo = (commit: number, term = 1): { hardState: HardState } => ({
  hardState: { term, vote: 3n, commit },
});
export const withoutCache: EtcdWalOptions = { cache: { entriesMax: 0, bytesMax: 0 } };

export const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: { code?: unknown }) => error.code,
  );

/** Runs `work` on a simulated disk with a manager. */
export async function inWorld(
  disk: SimulatedDisk | undefined,
  work: (manager: WalManager, disk: SimulatedDisk) => Promise<void>,
  options: EtcdWalOptions = {},
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(disk === undefined ? 1 : 2, disk);
  await runWorkload(environment, () =>
    work(openManager(environment, options), environment.fileSystem),
  );
  return environment.fileSystem;
}

/** The disk after a process created a log, did some work and was killed. */
export async function created(work: (opened: OpenedWal) => Promise<void>): Promise<SimulatedDisk> {
  const disk = await inWorld(undefined, async (manager) => work(await manager.createWal(metadata)));
  return disk.kill(1);
}

/** The disk after the log was opened and read, and its process killed. */
export async function reopened(
  disk: SimulatedDisk,
  look: (opened: OpenedWal) => Promise<void> | void,
  options: ReplayOptions = {},
): Promise<SimulatedDisk> {
  await inWorld(disk, async (manager) => look(await manager.replayWal(options)));
  return disk.kill(2);
}

export function allEntries({ storage }: OpenedWal): Entry[] {
  return storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity);
}

export async function fillTo({ wal, storage }: OpenedWal, segments: number): Promise<number> {
  while (wal.stats.segments < segments) {
    await wal.save({ entries: entriesFrom(storage.lastIndex() + 1, 4, 1, 1000) });
  }
  return storage.lastIndex();
}
