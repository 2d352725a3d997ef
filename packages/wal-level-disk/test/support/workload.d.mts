import type { HardState, SnapshotMetadata, Entry } from '@babuza/raftpb';

/** One batch. Every part is optional. */
export interface WorkloadLine {
  readonly first?: number;
  readonly last?: number;
  readonly entryTerm?: number;
  /** Term, vote and commit index of the hard state. */
  readonly hard?: readonly [number, number, number];
  /** Index and term. */
  readonly marker?: readonly [number, number];
  readonly purge?: number;
  /** Whether this is a call of `sync`. */
  readonly sync?: boolean;
  /** The number of an identity record. It is not a batch. */
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
