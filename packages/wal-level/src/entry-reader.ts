/**
 * Reads entries one by one with `getSync`, which is faster than opening an iterator and is
 * synchronous, as the Raft core requires. Every read verifies the checksum, the index, and the term
 * against the index of the log.
 */
import type { AbstractSnapshot } from 'abstract-level';
import { entryEncodedSize, type Entry } from '@babuza/raftpb';
import { CorruptError } from '@babuza/wal-core';
import type { EntryReader, TermIndex } from '@babuza/wal-core/backend';
import { bytesOnly, type LevelDatabase } from './database.ts';
import type { GroupKeys } from './keys.ts';
import { readFailure } from './level-errors.ts';
import { DamagedValueError, decodeEntryValue } from './values.ts';

export class LevelEntryReader implements EntryReader {
  readonly #database: LevelDatabase;
  readonly #keys: GroupKeys;
  readonly #index: TermIndex;
  readonly #directory: string;
  #pinned: AbstractSnapshot | undefined;

  constructor(database: LevelDatabase, keys: GroupKeys, index: TermIndex, directory: string) {
    this.#database = database;
    this.#keys = keys;
    this.#index = index;
    this.#directory = directory;
  }

  /**
   * Makes reads see the database as it is now until `unpin`. A batch that replaces entries is
   * visible in the database before it is durable, and readers must not see what is not durable.
   */
  pin(): void {
    this.unpin();
    this.#pinned = this.#database.snapshot();
  }

  /** Makes reads see the current content of the database again. */
  unpin(): void {
    // A snapshot that fails to close is closed with the database at the latest.
    void this.#pinned?.close().catch(() => undefined);
    this.#pinned = undefined;
  }

  read(lo: number, hi: number, maxBytes: number): Entry[] {
    const result: Entry[] = [];
    let bytes = 0;
    for (let index = lo; index < hi; index += 1) {
      const entry = this.#readOne(index);
      bytes += entryEncodedSize(entry);
      if (result.length > 0 && bytes > maxBytes) break;
      result.push(entry);
      if (bytes >= maxBytes) break;
    }
    return result;
  }

  #readOne(index: number): Entry {
    const key = this.#keys.entry(index);
    let value: Uint8Array | undefined;
    try {
      value = this.#database.getSync(key, { ...bytesOnly, snapshot: this.#pinned });
    } catch (error) {
      throw readFailure(error, this.#directory, this.#keys.groupId);
    }
    if (value === undefined) throw this.#corrupt(index, 'the entry is missing', 'missing-entry');
    try {
      return verifiedEntry(key, value, index, this.#index.term(index));
    } catch (error) {
      if (!(error instanceof DamagedValueError)) throw error;
      throw this.#corrupt(index, error.message, 'damaged-entry', error);
    }
  }

  #corrupt(index: number, message: string, verdict: string, cause?: unknown): CorruptError {
    const { groupId } = this.#keys;
    return new CorruptError(
      `entry ${index} of group ${groupId}: ${message}`,
      { groupId, file: this.#directory, firstIndex: index, lastIndex: index, verdict },
      cause,
    );
  }
}

/**
 * Decodes an entry and checks that it is the entry that the log has at this index. Throws
 * `DamagedValueError`.
 */
export function verifiedEntry(
  key: Uint8Array,
  value: Uint8Array,
  index: number,
  term: number | undefined,
): Entry {
  const entry = decodeEntryValue(key, value);
  if (entry.index !== index || entry.term !== term) {
    throw new DamagedValueError(
      `the value holds entry ${entry.index} of term ${entry.term}, expected entry ${index} of term ${String(term)}`,
    );
  }
  return entry;
}
