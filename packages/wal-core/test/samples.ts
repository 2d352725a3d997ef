/** Sample data of the unit tests. */
import type { Entry, SnapshotMetadata } from '@babuza/raftpb';

export function entry(index: number, term = 1, bytes = 8): Entry {
  return { index, term, type: 0, data: new Uint8Array(bytes).fill(index % 251) };
}

export function entries(first: number, last: number, term = 1, bytes = 8): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, term, bytes));
}

export function marker(index: number, term = 1, ...voters: bigint[]): SnapshotMetadata {
  const none: bigint[] = [];
  return {
    index,
    term,
    confState: {
      voters,
      learners: none,
      votersOutgoing: none,
      learnersNext: none,
      autoLeave: false,
    },
  };
}

/** Resolves when every callback and continuation that is due now has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
