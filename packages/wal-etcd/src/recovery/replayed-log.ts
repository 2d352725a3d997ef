/**
 * The state of a log after its records were replayed, for the contract of wal-core: an index
 * without payloads, the hard state and the snapshot markers. It opens every log that etcd opens.
 * Beyond etcd, it finds the start of a log whose first segments were purged, and drops the entries
 * before an installed snapshot.
 *
 * A snapshot record is valid only if a hard state covers it (etcd: `ValidSnapshotEntries`), and
 * that hard state is recorded after it. So the first replay applies every snapshot record. If one
 * that dropped entries turns out not to be covered, a crash happened between the two records, and
 * the log is replayed again without it (`snapshotIndexMax`).
 */
import {
  decodeHardState,
  emptyConfState,
  RaftpbDecodeError,
  type HardState,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import type { CorruptError } from '@babuza/wal-core';
import { LogState, PositionIndex } from '@babuza/wal-core/backend';
import { newEntryNumbers, readEntryNumbers } from '../format/entry-numbers.ts';
import { RecordType } from '../format/layout.ts';
import { decodeEtcdSnapshot } from '../format/messages.ts';
import type { SegmentName } from '../format/segment-name.ts';
import { damage, whyNotReadable } from './damage.ts';
import { dataOf, sameBytes } from './read-all.ts';
import type { ScannedRecord } from './scan.ts';

/** The record that gives the term just before the first entry. Without it no entry is readable. */
export interface LogStart {
  /** The segment that holds the record and must not be removed. */
  readonly segmentId: number;
  /**
   * The position of the record if it is an entry (which is itself purged); `undefined` if it is a
   * snapshot record, or if the log starts at index 1.
   */
  readonly position: number | undefined;
}

/** The largest index and term. etcd uses 64 bits. */
const largest = BigInt(Number.MAX_SAFE_INTEGER);

export class ReplayedLog {
  readonly state: LogState<PositionIndex>;
  metadata: Uint8Array | undefined;
  start: LogStart;
  /** The index of the newest snapshot that dropped entries, until a hard state covers it. */
  #uncoveredReset = Infinity;
  /**
   * Whether the earlier segments are purged, and no record has given the term before the first
   * entry yet.
   */
  #startUnknown: boolean;
  /**
   * Whether the start is the lowest entry so far. An entry with a lower index may follow and
   * replace it.
   */
  #startIsEntry = false;
  /** The snapshot record, valid or not, if it is the last record so far. */
  #lastMarker: { readonly index: number; readonly offset: number } | undefined;
  readonly #firstIndex: number;
  readonly #snapshotIndexMax: number;
  readonly #groupId: bigint;
  readonly #entry = newEntryNumbers();

  /** Snapshot records above `snapshotIndexMax` are ignored. */
  constructor(first: SegmentName, groupId: bigint, snapshotIndexMax: number = Infinity) {
    this.#firstIndex = Number(first.firstIndex);
    this.#startUnknown = this.#firstIndex > 0;
    this.#snapshotIndexMax = snapshotIndexMax;
    this.#groupId = groupId;
    this.start = { segmentId: Number(first.sequence), position: undefined };
    this.state = new LogState(new PositionIndex(Math.max(0, this.#firstIndex - 1)));
  }

  /** Whether the log was reset by a snapshot record that no hard state covers. */
  get hasUncoveredReset(): boolean {
    return this.#uncoveredReset !== Infinity;
  }

  /**
   * The offset of the last record, if it is a snapshot record that no hard state covers, because a
   * crash happened between the two. If it stayed, it would become valid as soon as the commit index
   * passes it, and would drop entries that were saved since.
   */
  get uncoveredEnd(): number | undefined {
    const lastMarker = this.#lastMarker;
    if (lastMarker === undefined || lastMarker.index <= this.state.hardState.commit)
      return undefined;
    return lastMarker.offset;
  }

  /** Applies a record. Returns its damage, or nothing. */
  visit(record: ScannedRecord, segmentId: number, file: string): CorruptError | undefined {
    this.#lastMarker = undefined;
    try {
      switch (record.type) {
        case RecordType.Entry:
          return this.#addEntry(record, segmentId, file);
        case RecordType.State:
          this.#setHardState(decodeHardState(dataOf(record)));
          return undefined;
        case RecordType.Metadata:
          return this.#addMetadata(record, file);
        case RecordType.Crc:
          return undefined;
        case RecordType.Snapshot:
          this.#addSnapshot(record, segmentId);
          return undefined;
        default:
          return this.#damage(
            'unexpected-block-type',
            `the type ${record.type} of a record is unknown`,
            record,
            file,
          );
      }
    } catch (error) {
      const message = `the data of a record does not match its type: ${whyNotReadable(error)}`;
      return this.#damage('not-readable', message, record, file, error);
    }
  }

  /** Checks the state after the last record. Returns the damage, or nothing. */
  finish(file: string): CorruptError | undefined {
    const { state } = this;
    const { index, hardState } = state;
    if (this.#startUnknown) {
      const message = `no record gives the term before index ${this.#firstIndex}: earlier segments are missing`;
      return damage('missing-segment', message, { file, groupId: this.#groupId });
    }
    if (hardState.commit > index.lastIndex) {
      return damage(
        'commit-beyond-end',
        `the commit index ${hardState.commit} is above the last index ${index.lastIndex} of the log`,
        { file, firstIndex: index.lastIndex + 1, groupId: this.#groupId },
      );
    }
    // Purged entries were committed, even if the last hard state on disk has a lower commit index.
    if (hardState.commit < state.baseIndex) {
      state.hardState = { ...hardState, commit: state.baseIndex };
    }
    return undefined;
  }

  #addEntry(record: ScannedRecord, segmentId: number, file: string): CorruptError | undefined {
    const entry = this.#entry;
    readEntryNumbers(record.bytes, record.dataStart, record.dataEnd, entry);
    const { index, term } = entry;
    const log = this.state.index;
    const position = record.previousOffset;
    const isLowest = this.#startIsEntry && index < log.firstIndex;
    if (isLowest || (this.#startUnknown && index <= this.#firstIndex)) {
      // The term of this entry is known, but not the term before it. So the log starts after it.
      this.#setStart(index, term, { segmentId, position });
      this.#startUnknown = false;
      this.#startIsEntry = true;
      return undefined;
    }
    if (index > log.lastIndex + 1) {
      const message = `entry ${index} leaves a gap: the last index of the log is ${log.lastIndex}`;
      return this.#damage('ErrSliceOutOfRange', message, record, file);
    }
    // Purged entries stay purged. But a repeated entry drops all entries above it.
    log.truncateFrom(Math.max(index, log.firstIndex));
    if (index < log.firstIndex) return undefined;
    const termBefore = log.term(index - 1);
    if (termBefore !== undefined && term < termBefore) {
      const message = `entry ${index} has term ${term}, below term ${termBefore} of the entry before it`;
      return this.#damage('term-goes-back', message, record, file);
    }
    log.append(index, term, segmentId, position);
    return undefined;
  }

  #setHardState(hardState: HardState): void {
    this.state.hardState = hardState;
    if (hardState.commit >= this.#uncoveredReset) this.#uncoveredReset = Infinity;
  }

  #addMetadata(record: ScannedRecord, file: string): CorruptError | undefined {
    const data = dataOf(record);
    // etcd accepts a first metadata record without data and a later one with data.
    if (this.metadata === undefined && record.hasData) this.metadata = data.slice();
    if (sameBytes(this.metadata ?? data, data)) return undefined;
    return this.#damage(
      'ErrMetadataConflict',
      'the metadata differs from that of an earlier record',
      record,
      file,
    );
  }

  #addSnapshot(record: ScannedRecord, segmentId: number): void {
    const marker = markerOf(dataOf(record));
    const { state } = this;
    if (marker === undefined) return;
    this.#lastMarker = { index: marker.index, offset: record.offset };
    if (marker.index > this.#snapshotIndexMax) return;
    if (this.#startUnknown) {
      // The snapshot record may give the term before the first entry. Older snapshot records
      // cannot.
      if (marker.index < this.#firstIndex - 1) return;
      this.#startUnknown = false;
      this.#setStart(marker.index, marker.term, { segmentId, position: undefined });
    }
    const newest = state.markers.at(-1)?.index ?? 0;
    if (marker.index < Math.max(state.baseIndex, newest)) return;
    const reset = state.applyMarker(marker);
    if (!reset) return;
    this.#startIsEntry = false;
    this.start = { segmentId, position: undefined };
    if (marker.index > state.hardState.commit) this.#uncoveredReset = marker.index;
  }

  #setStart(index: number, term: number, start: LogStart): void {
    this.state.index.resetTo(index, term);
    this.start = start;
  }

  #damage(
    verdict: Parameters<typeof damage>[0],
    message: string,
    { offset }: ScannedRecord,
    file: string,
    cause?: unknown,
  ): CorruptError {
    const firstIndex = this.state.index.lastIndex + 1;
    return damage(verdict, message, { file, offset, firstIndex, groupId: this.#groupId }, cause);
  }
}

/**
 * Decodes a snapshot record into a marker. Returns `undefined` for the record of index 0 without a
 * membership, which begins every log. etcd 3.4 records no membership; the marker then has an empty
 * one.
 */
function markerOf(data: Uint8Array): SnapshotMetadata | undefined {
  const { index, term, confState } = decodeEtcdSnapshot(data);
  if (index === 0n && confState === undefined) return undefined;
  if (index > largest || term > largest) {
    throw new RaftpbDecodeError('Snapshot', 0, 'the number is above 2^53 - 1');
  }
  return {
    index: Number(index),
    term: Number(term),
    confState: confState ?? emptyConfState,
  };
}
