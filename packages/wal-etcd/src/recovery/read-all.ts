/**
 * etcd's `ReadAll`, `ValidSnapshotEntries` and `Verify`: the records of a log in order, and what
 * they add up to. All entries are in memory afterwards: this is for looking at logs, for tools and
 * for tests. The log behind the contract is read by `replayed-log.ts`, which keeps none of them.
 *
 * Source: etcd `server/storage/wal/wal.go`.
 */
import type { CorruptError } from '@babuza/wal-core';
import { RecordType } from '../format/layout.ts';
import {
  decodeEtcdEntry,
  decodeEtcdHardState,
  decodeEtcdSnapshot,
  type EtcdEntry,
  type EtcdHardState,
  type EtcdSnapshot,
} from '../format/messages.ts';
import type { EtcdSegment, OpenSegment } from '../segment/segment.ts';
import { damage, damageOf, whyNotReadable } from './damage.ts';
import { scanSegment, type ScannedRecord, type SegmentScan } from './scan.ts';

/** The hard state of a log without one. */
export const noHardState: EtcdHardState = Object.freeze({ term: 0n, vote: 0n, commit: 0n });

/** Takes in the records of a log, one by one. */
export interface RecordVisitor {
  /** Returns what is wrong with the record, or nothing. */
  visit(record: ScannedRecord, file: string): CorruptError | undefined;
}

/**
 * Reads the segments until their end, or until something is wrong: `last` is the one where that is.
 */
export async function visitRecords(
  segments: readonly OpenSegment[],
  visitor: RecordVisitor,
): Promise<{ last: EtcdSegment; scan: SegmentScan; error: CorruptError | undefined }> {
  let checksum = 0;
  for (const [at, segment] of segments.entries()) {
    const { file, path } = segment;
    const last = { ...segment, startChecksum: checksum };
    const isLast = at === segments.length - 1;
    let refused: CorruptError | undefined;
    const scan = await scanSegment({ file, checksum, isLast }, (record) => {
      refused = visitor.visit(record, path);
      return refused === undefined;
    });
    checksum = scan.checksum;
    const error = refused ?? damageOf(scan, path);
    if (error !== undefined || isLast) return { last, scan, error };
  }
  throw new RangeError('a log has segments');
}

/** What `ReadAll` returns. */
export class ReadLog implements RecordVisitor {
  readonly #snapshot: { readonly index: bigint; readonly term: bigint };
  readonly #keepsEntries: boolean;
  metadata: Uint8Array | undefined;
  hardState: EtcdHardState = noHardState;
  entries: EtcdEntry[] = [];
  /** The record of the snapshot that is read from was there. */
  snapshotFound = false;
  /** The index of the last entry record, whatever became of it (etcd: `enti`). */
  lastIndex = 0n;

  constructor(snapshot: { readonly index: bigint; readonly term: bigint }, keepsEntries: boolean) {
    this.#snapshot = snapshot;
    this.#keepsEntries = keepsEntries;
  }

  visit(record: ScannedRecord, file: string): CorruptError | undefined {
    const { type, offset } = record;
    try {
      switch (type) {
        case RecordType.Entry:
          return this.#keepsEntries ? this.#addEntry(record, file) : undefined;
        case RecordType.State:
          this.hardState = decodeEtcdHardState(dataOf(record));
          return undefined;
        case RecordType.Metadata:
          return this.#addMetadata(record, file);
        case RecordType.Crc:
          return undefined;
        case RecordType.Snapshot:
          return this.#addSnapshot(record, file);
        default:
          return damage('unexpected-block-type', `a record of type ${type}`, { file, offset });
      }
    } catch (error) {
      return notReadable(error, file, offset);
    }
  }

  #addEntry(record: ScannedRecord, file: string): CorruptError | undefined {
    const entry = decodeEtcdEntry(copyOfData(record));
    this.lastIndex = entry.index;
    if (entry.index <= this.#snapshot.index) return undefined;
    const at = entry.index - this.#snapshot.index - 1n;
    if (at > BigInt(this.entries.length)) {
      return damage(
        'ErrSliceOutOfRange',
        `entry ${entry.index} follows ${this.entries.length} entries behind index ${this.#snapshot.index}`,
        { file, offset: record.offset },
      );
    }
    this.entries.length = Number(at);
    this.entries.push(entry);
    return undefined;
  }

  #addMetadata(record: ScannedRecord, file: string): CorruptError | undefined {
    const data = record.hasData ? copyOfData(record) : undefined;
    if (this.metadata !== undefined && !sameBytes(this.metadata, data ?? new Uint8Array(0))) {
      const { offset } = record;
      return damage('ErrMetadataConflict', 'other metadata than before', { file, offset });
    }
    this.metadata = data;
    return undefined;
  }

  #addSnapshot(record: ScannedRecord, file: string): CorruptError | undefined {
    const { index, term } = decodeEtcdSnapshot(dataOf(record));
    this.lastIndex = index > this.lastIndex ? index : this.lastIndex;
    if (index !== this.#snapshot.index) return undefined;
    if (term !== this.#snapshot.term) {
      const message = `the snapshot at index ${index} has term ${term}, expected ${this.#snapshot.term}`;
      return damage('ErrSnapshotMismatch', message, { file, offset: record.offset });
    }
    this.snapshotFound = true;
    return undefined;
  }
}

/** What `ValidSnapshotEntries` looks at. */
export class SnapshotRecords implements RecordVisitor {
  readonly #snapshots: EtcdSnapshot[] = [];
  #commit = 0n;

  /** The snapshots up to the commit index of the last hard state. */
  get valid(): EtcdSnapshot[] {
    return this.#snapshots.filter(({ index }) => index <= this.#commit);
  }

  visit(record: ScannedRecord, file: string): CorruptError | undefined {
    try {
      if (record.type === RecordType.Snapshot) {
        this.#snapshots.push(decodeEtcdSnapshot(dataOf(record)));
      } else if (record.type === RecordType.State) {
        this.#commit = decodeEtcdHardState(dataOf(record)).commit;
      }
      return undefined;
    } catch (error) {
      return notReadable(error, file, record.offset);
    }
  }
}

/** The data of the record: a view that is valid as long as the record is. */
export function dataOf({ bytes, dataStart, dataEnd }: ScannedRecord): Uint8Array {
  return bytes.subarray(dataStart, dataEnd);
}

function copyOfData({ bytes, dataStart, dataEnd }: ScannedRecord): Uint8Array {
  return bytes.slice(dataStart, dataEnd);
}

function notReadable(error: unknown, file: string, offset: number): CorruptError {
  const message = `a record whose data is not what its type says: ${whyNotReadable(error)}`;
  return damage('not-readable', message, { file, offset }, error);
}

export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
