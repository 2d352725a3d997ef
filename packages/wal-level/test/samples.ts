/** Sample logs for the tests, and their content as text. */
import type { Entry, SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal, Wal } from '@babuza/wal-core';
import { hex, type HostileStore } from './hostile-store.ts';

export function entry(index: number, term: number, bytes = 9): Entry {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 1) data[at] = index * 31 + term * 7 + at;
  return { index, term, type: 0, data };
}

export function entries(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, term));
}

export function marker(index: number, term: number, ...voters: bigint[]): SnapshotMetadata {
  const confState = {
    voters: voters.length > 0 ? voters : [1n, 2n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  return { index, term, confState };
}

/** The whole content of a log, read entry by entry. */
export function contentOf({ storage, hardState, snapshots }: OpenedWal): string {
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  const lines = [`${first} to ${last} behind term ${storage.term(first - 1)}`];
  lines.push(`term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`);
  for (const { index, term, confState } of snapshots) {
    lines.push(`marker ${index} term ${term} voters ${confState.voters.join()}`);
  }
  for (const { index, term, type, data } of storage.entries(first, last + 1, Infinity)) {
    lines.push(`${index} term ${term} type ${type} ${data === undefined ? 'none' : hex(data)}`);
    if (storage.term(index) !== term) lines.push(`but the index says ${storage.term(index)}`);
  }
  return lines.join('\n');
}

/** The content after a restart. */
export async function reopenedContent(store: HostileStore, groupId = 0n): Promise<string> {
  const manager = store.manager();
  try {
    return contentOf(await manager.replayWal({ groupId }));
  } finally {
    await manager.close();
  }
}

/** Writes a log with several terms, markers, a purge, a conflict, and every kind of payload. */
export async function writeSample(wal: Wal): Promise<void> {
  await wal.save({ entries: entries(1, 6, 1), hardState: { term: 1, vote: 1n, commit: 5 } });
  await wal.saveSnapshot(marker(3, 1));
  await wal.save({ entries: entries(7, 9, 2), hardState: { term: 2, vote: 2n, commit: 5 } });
  await wal.save({ entries: entries(8, 10, 3), hardState: { term: 3, vote: 0n, commit: 7 } });
  await wal.saveSnapshot(marker(6, 1, 1n, 2n ** 64n - 1n));
  await wal.purge(3);
  await wal.save({
    entries: [
      { index: 11, term: 5, type: 1, data: new Uint8Array() },
      { index: 12, term: 5, type: 2 },
      { index: 13, term: 5, type: 0, data: Uint8Array.of(0) },
    ],
  });
  await wal.save({ hardState: { term: 6, vote: 3n, commit: 11 } });
}

/** The generator mulberry32, which returns the same numbers on every platform. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Makes one random call and returns its name. The log may refuse it. */
export async function randomStep(
  { wal, storage }: OpenedWal,
  random: (below: number) => number,
): Promise<string> {
  const last = storage.lastIndex();
  const { hardState } = storage.initialState();
  const uncommitted = last - hardState.commit;
  const term = Math.max(hardState.term, last > 0 ? storage.term(last) : 0);
  const step = random(10);
  if (step < 3)
    return done(
      'append',
      wal.save({
        entries: entries(
          last + 1,
          last + 1 + random(4),
          term + 1 - Math.min(random(3), term === 0 ? 0 : 1),
        ),
      }),
    );
  if (step < 5) {
    const from = hardState.commit + 1 + random(uncommitted + 1);
    return done('conflict', wal.save({ entries: entries(from, from + random(3), term + 1) }));
  }
  if (step < 7) {
    const commit = hardState.commit + random(uncommitted + 1);
    return done('commit', wal.save({ hardState: { ...hardState, commit } }));
  }
  if (step === 7) {
    const next = { term: hardState.term + 1, vote: BigInt(random(3)), commit: hardState.commit };
    return done('vote', wal.save({ hardState: next }));
  }
  if (step === 8) {
    if (random(4) === 0) {
      const index = Math.max(hardState.commit + 1, last - random(3));
      return done('install', wal.saveSnapshot(marker(index, term + 1, BigInt(random(9)))));
    }
    const index = hardState.commit;
    return done('marker', wal.saveSnapshot(marker(index, storage.term(index), BigInt(random(9)))));
  }
  const to = storage.firstIndex() - 1 + random(hardState.commit - storage.firstIndex() + 2);
  return done('purge', wal.purge(to));
}

async function done(what: string, call: Promise<unknown>): Promise<string> {
  return call.then(
    () => what,
    (error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!['WAL_OUT_OF_ORDER', 'WAL_INVALID', 'WAL_SNAPSHOT_OUT_OF_DATE'].includes(code)) {
        throw error;
      }
      return `${what} refused`;
    },
  );
}
