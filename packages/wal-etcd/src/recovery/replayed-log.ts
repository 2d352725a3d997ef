/**
 * What the records of a log add up to, for the log behind the contract: an index without payloads,
 * the hard state, the snapshot markers. It opens what etcd opens, and knows two things that etcd
 * does not need: where a log starts whose first segments were purged, and that an installed
 * snapshot drops what was recorded before.
 *
 * A snapshot record counts only where a hard state covers it (etcd: `ValidSnapshotEntries`), and
 * the hard state comes behind it. So a replay first believes each of them. If in the end one that
 * dropped entries was not covered, a crash came between the two, and the log is replayed again
 * without it (`believesUpTo`).
 */
import {
  decodeHardState,
  emptyConfState,
  RaftpbDecodeError,
  type HardState,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import { LogState, PositionIndex, type CorruptError } from '@babuza/wal-core';
import { newEntryNumbers, readEntryNumbers } from '../format/entry-numbers.ts';
import { RecordType } from '../format/layout.ts';
import { decodeEtcdSnapshot } from '../format/messages.ts';
import type { SegmentName } from '../format/segment-name.ts';
import { damage, whyNotReadable } from './damage.ts';
import { dataOf, sameBytes } from './read-all.ts';
import type { ScannedRecord } from './scan.ts';

/** What tells the term just before the first entry: nothing is readable without it. */
export interface LogBase {
  /** The segment that must stay for it. */
  readonly segmentId: number;
  /** The position of the entry there, which is itself purged; `undefined` where it is no entry. */
  readonly position: number | undefined;
}

/** Numbers above this are refused; etcd takes 64 bits. */
const largest = BigInt(Number.MAX_SAFE_INTEGER);

export class ReplayedLog {
  readonly state: LogState<PositionIndex>;
  metadata: Uint8Array | undefined;
  base: LogBase;
  /** The newest snapshot that dropped entries, as long as no hard state covers it. */
  #unconfirmed = Infinity;
  /** The log goes on from earlier segments, which are purged: nothing has told its base yet. */
  #baseUnknown: boolean;
  /** The base is the lowest entry that was met so far: a lower one may follow, and replaces it. */
  #baseIsEntry = false;
  /** The marker that is the last record so far, whatever it counts. */
  #trailing: { readonly index: number; readonly offset: number } | undefined;
  readonly #firstIndex: number;
  readonly #believesUpTo: number;
  readonly #groupId: bigint;
  readonly #entry = newEntryNumbers();

  /** `believesUpTo`: snapshots above are passed over. */
  constructor(first: SegmentName, groupId: bigint, believesUpTo: number = Infinity) {
    this.#firstIndex = Number(first.firstIndex);
    this.#baseUnknown = this.#firstIndex > 0;
    this.#believesUpTo = believesUpTo;
    this.#groupId = groupId;
    this.base = { segmentId: Number(first.sequence), position: undefined };
    this.state = new LogState(new PositionIndex(Math.max(0, this.#firstIndex - 1)));
  }

  /** Snapshots were believed that the hard state does not cover. */
  get believedTooMuch(): boolean {
    return this.#unconfirmed !== Infinity;
  }

  /**
   * Where the last record is, if it is a marker that no hard state covers: a crash came between the
   * two. If it stayed, it would count as soon as the commit index passes it, and drop entries that
   * were saved since.
   */
  get uncoveredEnd(): number | undefined {
    const trailing = this.#trailing;
    if (trailing === undefined || trailing.index <= this.state.hardState.commit) return undefined;
    return trailing.offset;
  }

  /** Takes in a record; returns what is wrong with it, or nothing. */
  visit(record: ScannedRecord, segmentId: number, file: string): CorruptError | undefined {
    this.#trailing = undefined;
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
            `a record of type ${record.type}`,
            record,
            file,
          );
      }
    } catch (error) {
      const message = `a record whose data is not what its type says: ${whyNotReadable(error)}`;
      return this.#damage('not-readable', message, record, file, error);
    }
  }

  /** When all was read: what is wrong with the whole, or nothing. */
  finish(file: string): CorruptError | undefined {
    const { state } = this;
    const { index, hardState } = state;
    if (this.#baseUnknown) {
      const message = `nothing tells what was before index ${this.#firstIndex}`;
      return damage('missing-segment', message, { file, groupId: this.#groupId });
    }
    if (hardState.commit > index.lastIndex) {
      return damage(
        'commit-beyond-end',
        `the commit index is ${hardState.commit}, but the log ends at ${index.lastIndex}`,
        { file, firstIndex: index.lastIndex + 1, groupId: this.#groupId },
      );
    }
    // What is purged was committed, whatever the last hard state on disk says.
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
    const isLowest = this.#baseIsEntry && index < log.firstIndex;
    if (isLowest || (this.#baseUnknown && index <= this.#firstIndex)) {
      // Its own term is known, that before it is not.
      this.#setBase(index, term, { segmentId, position });
      this.#baseUnknown = false;
      this.#baseIsEntry = true;
      return undefined;
    }
    if (index > log.lastIndex + 1) {
      const message = `entry ${index} follows ${log.lastIndex}: some are missing`;
      return this.#damage('ErrSliceOutOfRange', message, record, file);
    }
    // What is purged does not come back; but an entry that is written again drops all behind it.
    log.truncateFrom(Math.max(index, log.firstIndex));
    if (index < log.firstIndex) return undefined;
    const termBefore = log.term(index - 1);
    if (termBefore !== undefined && term < termBefore) {
      const message = `entry ${index} has term ${term}, and the one before it has term ${termBefore}`;
      return this.#damage('term-goes-back', message, record, file);
    }
    log.append(index, term, segmentId, position);
    return undefined;
  }

  #setHardState(hardState: HardState): void {
    this.state.hardState = hardState;
    if (hardState.commit >= this.#unconfirmed) this.#unconfirmed = Infinity;
  }

  #addMetadata(record: ScannedRecord, file: string): CorruptError | undefined {
    const data = dataOf(record);
    // None first and some later is no conflict to etcd.
    if (this.metadata === undefined && record.hasData) this.metadata = data.slice();
    if (sameBytes(this.metadata ?? data, data)) return undefined;
    return this.#damage('ErrMetadataConflict', 'other metadata than before', record, file);
  }

  #addSnapshot(record: ScannedRecord, segmentId: number): void {
    const marker = markerOf(dataOf(record));
    const { state } = this;
    if (marker === undefined) return;
    this.#trailing = { index: marker.index, offset: record.offset };
    if (marker.index > this.#believesUpTo) return;
    if (this.#baseUnknown) {
      // It may tell the term that the purged segments took along; older ones are of no use any
      // more.
      if (marker.index < this.#firstIndex - 1) return;
      this.#baseUnknown = false;
      this.#setBase(marker.index, marker.term, { segmentId, position: undefined });
    }
    const newest = state.markers.at(-1)?.index ?? 0;
    if (marker.index < Math.max(state.baseIndex, newest)) return;
    const reset = state.applyMarker(marker);
    if (!reset) return;
    this.#baseIsEntry = false;
    this.base = { segmentId, position: undefined };
    if (marker.index > state.hardState.commit) this.#unconfirmed = marker.index;
  }

  #setBase(index: number, term: number, base: LogBase): void {
    this.state.index.resetTo(index, term);
    this.base = base;
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
 * A snapshot record as a marker. That of index 0 without a membership begins every log and is none.
 * etcd 3.4 records no membership; then it is empty here.
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
