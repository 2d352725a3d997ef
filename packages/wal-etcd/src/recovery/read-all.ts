/**
 * etcd's `ReadAll`, `ValidSnapshotEntries` and `Verify`: they read the records of a log in order
 * and accumulate them. All entries stay in memory, so this is for inspection, tools and tests. Logs
 * with the contract of wal-core are read by `replayed-log.ts`, which keeps no payloads.
 *
 * Source: etcd `server/storage/wal/wal.go`, the functions of these names.
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

/** The hard state of a log that has no record of one. */
export const noHardState: EtcdHardState = Object.freeze({ term: 0n, vote: 0n, commit: 0n });

/** Receives the records of a log one by one. */
export interface RecordVisitor {
  /** Processes a record. Returns its damage, or nothing. */
  visit(record: ScannedRecord, file: string): CorruptError | undefined;
}

/**
 * Reads the segments to their end, or to the first damage. `last` is the segment where reading
 * ended.
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
  throw new RangeError('a log must have a segment');
}

/** The result of `ReadAll`, while the records are read. */
export class ReadLog implements RecordVisitor {
  readonly #snapshot: { readonly index: bigint; readonly term: bigint };
  readonly #keepsEntries: boolean;
  metadata: Uint8Array | undefined;
  hardState: EtcdHardState = noHardState;
  entries: EtcdEntry[] = [];
  /** Whether the record of the requested snapshot was found. */
  snapshotFound = false;
  /**
   * The index of the last entry record, even if the entry was skipped or dropped (etcd: `enti`).
   */
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
          return damage('unexpected-block-type', `the type ${type} of a record is unknown`, {
            file,
            offset,
          });
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
        `entry ${entry.index} leaves a gap: the log has ${this.entries.length} entries after index ${this.#snapshot.index}`,
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
      return damage('ErrMetadataConflict', 'the metadata differs from that of an earlier record', {
        file,
        offset,
      });
    }
    this.metadata = data;
    return undefined;
  }

  #addSnapshot(record: ScannedRecord, file: string): CorruptError | undefined {
    const { index, term } = decodeEtcdSnapshot(dataOf(record));
    this.lastIndex = index > this.lastIndex ? index : this.lastIndex;
    if (index !== this.#snapshot.index) return undefined;
    if (term !== this.#snapshot.term) {
      const message = `the snapshot record at index ${index} has term ${term}, expected term ${this.#snapshot.term}`;
      return damage('ErrSnapshotMismatch', message, { file, offset: record.offset });
    }
    this.snapshotFound = true;
    return undefined;
  }
}

/** The records that `ValidSnapshotEntries` reads. */
export class SnapshotRecords implements RecordVisitor {
  readonly #snapshots: EtcdSnapshot[] = [];
  #commit = 0n;

  /** The snapshots that are not above the commit index of the last hard state. */
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

/** Returns the data of the record as a view, which is valid as long as the record is. */
export function dataOf({ bytes, dataStart, dataEnd }: ScannedRecord): Uint8Array {
  return bytes.subarray(dataStart, dataEnd);
}

function copyOfData({ bytes, dataStart, dataEnd }: ScannedRecord): Uint8Array {
  return bytes.slice(dataStart, dataEnd);
}

function notReadable(error: unknown, file: string, offset: number): CorruptError {
  const message = `the data of a record does not match its type: ${whyNotReadable(error)}`;
  return damage('not-readable', message, { file, offset }, error);
}

export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
