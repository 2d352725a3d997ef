import type { HardState, SnapshotMetadata, Entry } from '@babuza/raftpb';

/** One batch. Absent parts are not in it. */
export interface WorkloadLine {
  readonly first?: number;
  readonly last?: number;
  readonly entryTerm?: number;
  /** Term, vote, commit. */
  readonly hard?: readonly [number, number, number];
  /** Index, term. */
  readonly marker?: readonly [number, number];
  readonly purge?: number;
  /** A call of `sync`. */
  readonly sync?: boolean;
  /** The number of an identity record, which is no batch. */
  readonly record?: number;
}

export interface WorkloadBatch {
  entries?: Entry[];
  hardState?: HardState;
  snapshot?: SnapshotMetadata;
  purgeTo?: number;
  sync?: boolean;
}

export function randomFrom(seed: number): (below: number) => number;
export function payloadOf(index: number, term: number): Uint8Array;
export function batchOf(line: WorkloadLine): WorkloadBatch;
export function recordOf(number: number): Uint8Array<ArrayBuffer>;
