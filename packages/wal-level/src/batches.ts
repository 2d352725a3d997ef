/**
 * A group of saves as one atomic batch of the database: all that they put and delete, and the state
 * record that goes with it. All or nothing of a batch survives a crash; so does all or nothing of
 * the saves.
 *
 * Invariant: in the database are exactly the entries from the start of the log to its last index,
 * and possibly some at or below the start, whose deletion is not worth being atomic. Entries above
 * the last index never exist: a conflict deletes them in the batch that replaces them, or they
 * would come back.
 */
import type { Entry, SnapshotMetadata } from '@babuza/raftpb';
import { invariant, LogState, type SavePlan, type TermIndex } from '@babuza/wal-core/backend';
import type { LevelOperation } from './database.ts';
import { encodeEntries } from './entry-encoding.ts';
import type { GroupKeys } from './keys.ts';
import {
  markersDigestOf,
  termRuns,
  termsDigestOf,
  withTermRun,
  type Testimony,
} from './testimony.ts';
import {
  checksumOf,
  encodeMarker,
  encodeState,
  encodeTermRun,
  type StateRecord,
} from './values.ts';

/** A batch that is ready to be written. */
export interface FinishedBatch {
  readonly operations: LevelOperation[];
  readonly bytes: number;
  /** To be kept for the next batch once this one is written. */
  readonly testimony: Testimony;
  /** Whether it deletes or replaces entries that the log had before. */
  readonly replaces: boolean;
  /**
   * Entries up to here are not of the log any more, because of a reset, and still in the database.
   */
  readonly resetTo: number | undefined;
}

export class GroupBatch {
  readonly #keys: GroupKeys;
  /** The log as it will be after the batch: a copy, which is thrown away with it. */
  readonly #next: LogState<TermIndex>;
  readonly #operations: LevelOperation[] = [];
  #bytes = 0;
  #termsDigest: number;
  /** Runs were dropped: the digest has to be made anew. */
  #termsCut = false;
  readonly #markerChecksums: Map<number, number>;
  readonly #number: number | undefined;
  #replaces = false;
  #resetTo: number | undefined;

  /** `state` and `testimony` are of the log before the batch; they are not changed. */
  constructor(keys: GroupKeys, state: LogState<TermIndex>, testimony: Testimony) {
    this.#keys = keys;
    this.#next = new LogState(state.index.clone(), state.hardState, state.markers);
    this.#termsDigest = testimony.termsDigest;
    this.#markerChecksums = new Map(testimony.markerChecksums);
    this.#number = testimony.batch === undefined ? undefined : testimony.batch + 1;
  }

  /** Adds a plan; the steps and their order are those of `SavePlan`. */
  add(plan: SavePlan): void {
    if (plan.marker !== undefined) this.#addMarker(plan.marker, plan.resets);
    if (plan.truncateFrom !== undefined) this.#truncateFrom(plan.truncateFrom, plan.entries);
    this.#append(plan.entries);
    if (plan.hardState !== undefined) this.#next.hardState = plan.hardState;
    if (plan.purgeTo !== undefined) this.#purgeTo(plan.purgeTo.index);
  }

  /** Closes the batch with the state record. */
  finish(): FinishedBatch {
    if (this.#termsCut) this.#termsDigest = termsDigestOf(this.#next.index);
    const testimony = {
      termsDigest: this.#termsDigest,
      markerChecksums: this.#markerChecksums,
      batch: this.#number,
    };
    const { state } = this.#keys;
    this.#put(state, encodeState(state, stateRecordOf(this.#next, testimony)));
    return {
      operations: this.#operations,
      bytes: this.#bytes,
      testimony,
      replaces: this.#replaces,
      resetTo: this.#resetTo,
    };
  }

  #addMarker(marker: SnapshotMetadata, resets: boolean): void {
    const next = this.#next;
    if (resets) {
      this.#replaces = true;
      this.#deleteEntries(Math.max(marker.index + 1, next.index.firstIndex), next.index.lastIndex);
      this.#deleteTermRuns(next.index.firstIndex, next.index.lastIndex);
      this.#resetTo = marker.index;
    }
    const reset = next.applyMarker(marker);
    invariant(reset === resets, 'a plan says what its marker does to the log', marker.index);
    this.#deleteMarkersGone();
    const key = this.#keys.marker(marker.index);
    const value = encodeMarker(key, marker);
    this.#markerChecksums.set(marker.index, checksumOf(value));
    this.#put(key, value);
  }

  #truncateFrom(from: number, entries: readonly Entry[]): void {
    const { index } = this.#next;
    this.#replaces = true;
    // What is put again needs no deletion.
    const replacedTo = entries.at(-1)?.index ?? from - 1;
    this.#deleteEntries(replacedTo + 1, index.lastIndex);
    this.#deleteTermRuns(from, index.lastIndex);
    index.truncateFrom(from);
  }

  #append(entries: readonly Entry[]): void {
    const { index } = this.#next;
    this.#bytes += encodeEntries(this.#keys, entries, this.#operations);
    let lastTerm = index.term(index.lastIndex);
    for (const entry of entries) {
      if (entry.term !== lastTerm) {
        const run = this.#keys.termRun(entry.index);
        this.#put(run, encodeTermRun(run, entry.term));
        this.#termsDigest = withTermRun(this.#termsDigest, entry);
        lastTerm = entry.term;
      }
      index.append(entry.index, entry.term);
    }
  }

  /**
   * The entries themselves go later: behind the start that this batch makes durable, nobody reads
   * them.
   */
  #purgeTo(to: number): void {
    this.#deleteTermRuns(this.#next.index.firstIndex, to);
    this.#next.applyPurge(to);
    this.#deleteMarkersGone();
  }

  #deleteEntries(first: number, last: number): void {
    for (let index = first; index <= last; index += 1) this.#delete(this.#keys.entry(index));
  }

  /** Deletes the runs that begin from `first` to `last`. */
  #deleteTermRuns(first: number, last: number): void {
    for (const run of termRuns(this.#next.index, first)) {
      if (run.index > last) break;
      this.#delete(this.#keys.termRun(run.index));
    }
    this.#termsCut = true;
  }

  #deleteMarkersGone(): void {
    const kept = new Set(this.#next.markers.map(({ index }) => index));
    for (const index of this.#markerChecksums.keys()) {
      if (kept.has(index)) continue;
      this.#markerChecksums.delete(index);
      this.#delete(this.#keys.marker(index));
    }
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    this.#operations.push({ type: 'put', key, value });
    this.#bytes += key.length + value.length;
  }

  #delete(key: Uint8Array): void {
    this.#operations.push({ type: 'del', key });
    this.#bytes += key.length;
  }
}

/** What the state record says of a log. */
export function stateRecordOf(state: LogState<TermIndex>, testimony: Testimony): StateRecord {
  const { baseIndex, index, hardState } = state;
  const startTerm = index.term(baseIndex);
  invariant(startTerm !== undefined, 'the term before the first entry is known', baseIndex);
  return {
    startIndex: baseIndex,
    startTerm,
    lastIndex: index.lastIndex,
    termsDigest: testimony.termsDigest,
    markersDigest: markersDigestOf(testimony.markerChecksums),
    hardState,
    batch: testimony.batch,
  };
}
