/**
 * Reads a log when it is opened, and checks that it is complete: no hole, nothing above the last
 * index, and exactly the term runs and markers that the digests in the state record describe. By
 * default it reads the keys of the entries and not their values, so that a long log opens quickly.
 * A mismatch is `WAL_CORRUPT`. Nothing is changed here.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import {
  CorruptError,
  ForeignFileError,
  UnknownVersionError,
  type WalMetadata,
} from '@babuza/wal-core';
import { LogState, TermIndex } from '@babuza/wal-core/backend';
import { bytesOnly, pages, type LevelDatabase } from './database.ts';
import { verifiedEntry } from './entry-reader.ts';
import { describeKey, KeyKind, parseKey, type GroupKeys } from './keys.ts';
import { markersDigestOf, withTermRun, type TermRun, type LogDigest } from './log-digest.ts';
import {
  checksumOf,
  DamagedValueError,
  decodeHeader,
  decodeMarker,
  decodeState,
  decodeTermRun,
  ForeignHeaderError,
  formatVersionMax,
  type Header,
  type StateRecord,
} from './values.ts';

/** A log as the database holds it. */
export interface StoredLog {
  readonly metadata: WalMetadata;
  readonly state: LogState<TermIndex>;
  readonly logDigest: LogDigest;
}

/**
 * Whether the database holds any key of the group. If so no new log may be created there, whatever
 * the key is.
 */
export async function hasLog(database: LevelDatabase, keys: GroupKeys): Promise<boolean> {
  const found = await database.keys({ ...keys.all, ...bytesOnly, limit: 1 }).all();
  return found.length > 0;
}

/** Reads and checks the log. Returns `undefined` if the database holds nothing of the group. */
export async function readLog(
  database: LevelDatabase,
  keys: GroupKeys,
  directory: string,
  verifyEntries: boolean,
): Promise<StoredLog | undefined> {
  if (!(await hasLog(database, keys))) return undefined;
  return new LogRead(database, keys, directory).read(verifyEntries);
}

class LogRead {
  readonly #database: LevelDatabase;
  readonly #keys: GroupKeys;
  readonly #directory: string;
  #header: Header | undefined;
  #record: StateRecord | undefined;
  readonly #markers: SnapshotMetadata[] = [];
  readonly #markerChecksums = new Map<number, number>();
  readonly #runs: TermRun[] = [];

  constructor(database: LevelDatabase, keys: GroupKeys, directory: string) {
    this.#database = database;
    this.#keys = keys;
    this.#directory = directory;
  }

  async read(verifyEntries: boolean): Promise<StoredLog> {
    await this.#readRecords();
    const header = this.#header;
    const record = this.#record;
    if (header === undefined) throw this.#corrupt('missing-header', 'the header is missing');
    if (record === undefined) throw this.#corrupt('missing-state', 'the state record is missing');
    if (header.numbersBatches !== (record.batch !== undefined)) {
      throw this.#corrupt('state', 'state record and header have different format versions');
    }
    this.#checkRecord(record);
    const termsDigest = this.#checkTermRuns(record);
    if (markersDigestOf(this.#markerChecksums) !== record.markersDigest) {
      throw this.#corrupt(
        'markers',
        'the snapshot markers do not fit the digest of the newest batch',
      );
    }
    const index = await this.#readEntries(record, verifyEntries);
    this.#checkMarkers(index);
    return {
      metadata: header.metadata,
      state: new LogState(index, record.hardState, this.#markers),
      logDigest: {
        termsDigest,
        markerChecksums: this.#markerChecksums,
        batch: record.batch,
      },
    };
  }

  async #readRecords(): Promise<void> {
    const iterator = this.#database.iterator({ ...this.#keys.records, ...bytesOnly });
    for await (const page of pages(iterator)) {
      for (const [key, value] of page) this.#readRecord(key, value);
    }
  }

  #readRecord(key: Uint8Array, value: Uint8Array): void {
    try {
      const parsed = parseKey(key);
      if (parsed === undefined) throw new DamagedValueError('this is not a key of a log');
      if (parsed.kind === KeyKind.Header) this.#header = decodeHeader(key, value);
      // The identity record is checked when somebody reads it, so that a log whose identity record
      // is damaged still opens.
      else if (parsed.kind === KeyKind.Identity) return;
      else if (parsed.kind === KeyKind.State) this.#record = decodeState(key, value);
      else if (parsed.kind === KeyKind.Marker) this.#addMarker(parsed.index, key, value);
      else this.#runs.push({ index: parsed.index, term: decodeTermRun(key, value) });
    } catch (error) {
      if (error instanceof ForeignHeaderError) throw this.#foreign(error);
      throw this.#damaged(key, error);
    }
  }

  #addMarker(index: number, key: Uint8Array, value: Uint8Array): void {
    const marker = decodeMarker(key, value);
    if (marker.index !== index) {
      throw new DamagedValueError(`the marker has index ${marker.index}, its key ${index}`);
    }
    this.#markers.push(marker);
    this.#markerChecksums.set(index, checksumOf(value));
  }

  #checkRecord({ startIndex, lastIndex, hardState }: StateRecord): void {
    if (startIndex > lastIndex || hardState.commit < startIndex || hardState.commit > lastIndex) {
      throw this.#corrupt(
        'state',
        `the log holds the entries ${startIndex + 1} to ${lastIndex}, but its commit index is ${hardState.commit}`,
      );
    }
  }

  /** Checks the term runs and returns their digest. */
  #checkTermRuns({ startIndex, startTerm, lastIndex, termsDigest }: StateRecord): number {
    let before = { index: startIndex, term: startTerm };
    let digest = 0;
    for (const run of this.#runs) {
      if (run.index <= before.index || run.index > lastIndex || run.term <= before.term) {
        throw this.#corrupt(
          'terms',
          `term ${run.term} begins at entry ${run.index}, but term ${before.term} begins at ${before.index} and the last entry is ${lastIndex}`,
        );
      }
      digest = withTermRun(digest, run);
      before = run;
    }
    if (digest !== termsDigest) {
      throw this.#corrupt('terms', 'the term runs do not fit the digest of the newest batch');
    }
    return digest;
  }

  async #readEntries(record: StateRecord, verify: boolean): Promise<TermIndex> {
    const { startIndex, startTerm, lastIndex } = record;
    const index = new TermIndex(startIndex, startTerm);
    let term = startTerm;
    let runs = 0;
    const take = (key: Uint8Array): void => {
      const next = index.lastIndex + 1;
      this.#checkNext(key, next, lastIndex);
      const run = this.#runs[runs];
      if (run?.index === next) {
        ({ term } = run);
        runs += 1;
      }
      index.append(next, term);
    };
    const range = { ...this.#keys.fromEntry(startIndex + 1), ...bytesOnly };
    if (verify) {
      for await (const page of pages(this.#database.iterator(range))) {
        for (const [key, value] of page) {
          take(key);
          this.#verify(key, value, index.lastIndex, term);
        }
      }
    } else {
      for await (const page of pages(this.#database.keys(range))) page.forEach(take);
    }
    if (index.lastIndex !== lastIndex) {
      throw this.#missing(index.lastIndex + 1, lastIndex);
    }
    return index;
  }

  #checkNext(key: Uint8Array, next: number, lastIndex: number): void {
    const parsed = parseKey(key);
    if (parsed?.kind !== KeyKind.Entry) {
      throw this.#corrupt('unknown-key', `${describeKey(key)} is not a key of a log`);
    }
    if (parsed.index > lastIndex) {
      if (next <= lastIndex) throw this.#missing(next, lastIndex);
      throw this.#corrupt(
        'stale-entry',
        `entry ${parsed.index} is above the last index ${lastIndex}`,
        {
          firstIndex: parsed.index,
        },
      );
    }
    if (parsed.index !== next) throw this.#missing(next, parsed.index - 1);
  }

  #verify(key: Uint8Array, value: Uint8Array, index: number, term: number): void {
    try {
      verifiedEntry(key, value, index, term);
    } catch (error) {
      throw this.#damaged(key, error, { firstIndex: index, lastIndex: index });
    }
  }

  #checkMarkers(index: TermIndex): void {
    for (const marker of this.#markers) {
      if (index.term(marker.index) !== marker.term) {
        throw this.#corrupt(
          'markers',
          `the marker at index ${marker.index} has term ${marker.term}, but the log has term ${String(index.term(marker.index))} there`,
        );
      }
    }
  }

  #missing(firstIndex: number, lastIndex: number): CorruptError {
    return this.#corrupt('missing-entry', `the entries ${firstIndex} to ${lastIndex} are missing`, {
      firstIndex,
      lastIndex,
    });
  }

  #foreign({ version }: ForeignHeaderError): Error {
    return version === undefined
      ? new ForeignFileError(
          this.#directory,
          'the header is not that of a log: the database belongs to something else. Nothing was changed. Use another directory',
        )
      : new UnknownVersionError(
          this.#directory,
          version,
          `this release reads versions 1 to ${formatVersionMax}`,
        );
  }

  #damaged(key: Uint8Array, error: unknown, range: AffectedRange = {}): unknown {
    if (!(error instanceof DamagedValueError)) return error;
    return this.#corrupt('damaged-record', `${describeKey(key)}: ${error.message}`, range, error);
  }

  #corrupt(
    verdict: string,
    message: string,
    range: AffectedRange = {},
    cause?: unknown,
  ): CorruptError {
    const { groupId } = this.#keys;
    const details = { groupId, file: this.#directory, verdict, ...range };
    return new CorruptError(`the log of group ${groupId}: ${message}`, details, cause);
  }
}

interface AffectedRange {
  readonly firstIndex?: number;
  readonly lastIndex?: number;
}
