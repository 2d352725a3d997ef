/**
 * Turns the saves that a log commits together into one atomic batch of the database: everything
 * that they put and delete, and the state record that describes the result. A crash keeps the whole
 * batch or nothing of it, and so all of its saves or none.
 *
 * Invariant: the database holds exactly the entries from the start of the log to its last index,
 * and possibly some at or below the start, which are deleted later. Entries above the last index
 * never exist. A conflict deletes them in the batch that replaces them; otherwise they would
 * reappear.
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
  type LogDigest,
} from './log-digest.ts';
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
  /** The digest that the next batch starts from, once this one is written. */
  readonly logDigest: LogDigest;
  /** Whether the batch deletes or replaces entries that the log had before. */
  readonly replaces: boolean;
  /** Set by a reset: entries at and below this index left the log and are still in the database. */
  readonly resetTo: number | undefined;
}

export class GroupBatch {
  readonly #keys: GroupKeys;
  /** The log as it will be after the batch. It is a copy that is discarded with the batch. */
  readonly #next: LogState<TermIndex>;
  readonly #operations: LevelOperation[] = [];
  #bytes = 0;
  #termsDigest: number;
  /** Whether term runs were dropped, so that the digest has to be computed again. */
  #termRunsDropped = false;
  readonly #markerChecksums: Map<number, number>;
  readonly #number: number | undefined;
  #replaces = false;
  #resetTo: number | undefined;

  /** `state` and `logDigest` describe the log before the batch. They are not changed. */
  constructor(keys: GroupKeys, state: LogState<TermIndex>, logDigest: LogDigest) {
    this.#keys = keys;
    this.#next = new LogState(state.index.clone(), state.hardState, state.markers);
    this.#termsDigest = logDigest.termsDigest;
    this.#markerChecksums = new Map(logDigest.markerChecksums);
    this.#number = logDigest.batch === undefined ? undefined : logDigest.batch + 1;
  }

  /** Adds a plan. The steps and their order are those of `SavePlan`. */
  add(plan: SavePlan): void {
    if (plan.marker !== undefined) this.#addMarker(plan.marker, plan.resets);
    if (plan.truncateFrom !== undefined) this.#truncateFrom(plan.truncateFrom, plan.entries);
    this.#append(plan.entries);
    if (plan.hardState !== undefined) this.#next.hardState = plan.hardState;
    if (plan.purgeTo !== undefined) this.#purgeTo(plan.purgeTo.index);
  }

  /** Adds the state record and returns the batch. */
  finish(): FinishedBatch {
    if (this.#termRunsDropped) this.#termsDigest = termsDigestOf(this.#next.index);
    const logDigest = {
      termsDigest: this.#termsDigest,
      markerChecksums: this.#markerChecksums,
      batch: this.#number,
    };
    const { state } = this.#keys;
    this.#put(state, encodeState(state, stateRecordOf(this.#next, logDigest)));
    return {
      operations: this.#operations,
      bytes: this.#bytes,
      logDigest,
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
    invariant(reset === resets, 'a plan says whether its marker resets the log', marker.index);
    this.#deleteDroppedMarkers();
    const key = this.#keys.marker(marker.index);
    const value = encodeMarker(key, marker);
    this.#markerChecksums.set(marker.index, checksumOf(value));
    this.#put(key, value);
  }

  #truncateFrom(from: number, entries: readonly Entry[]): void {
    const { index } = this.#next;
    this.#replaces = true;
    // An entry that is put again needs no deletion.
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
   * The entries themselves are deleted later: nobody reads them once this batch has made the new
   * start durable.
   */
  #purgeTo(to: number): void {
    this.#deleteTermRuns(this.#next.index.firstIndex, to);
    this.#next.applyPurge(to);
    this.#deleteDroppedMarkers();
  }

  #deleteEntries(first: number, last: number): void {
    for (let index = first; index <= last; index += 1) this.#delete(this.#keys.entry(index));
  }

  /** Deletes the term runs that begin at `first` to `last`. */
  #deleteTermRuns(first: number, last: number): void {
    for (const run of termRuns(this.#next.index, first)) {
      if (run.index > last) break;
      this.#delete(this.#keys.termRun(run.index));
    }
    this.#termRunsDropped = true;
  }

  #deleteDroppedMarkers(): void {
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

/** The state record that describes a log. */
export function stateRecordOf(state: LogState<TermIndex>, logDigest: LogDigest): StateRecord {
  const { baseIndex, index, hardState } = state;
  const startTerm = index.term(baseIndex);
  invariant(startTerm !== undefined, 'the term before the first entry is known', baseIndex);
  return {
    startIndex: baseIndex,
    startTerm,
    lastIndex: index.lastIndex,
    termsDigest: logDigest.termsDigest,
    markersDigest: markersDigestOf(logDigest.markerChecksums),
    hardState,
    batch: logDigest.batch,
  };
}
