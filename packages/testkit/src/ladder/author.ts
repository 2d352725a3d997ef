/**
 * Random work on a log inside a simulated world. Every call is recorded in a ledger. The same seed
 * gives the same work, so a failing seed can be repeated.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import { WalError, type OpenedWal, type SaveBatch } from '@babuza/wal-core';
import type { Ledger, LedgerBatch } from '@babuza/wal-core/conformance';
import { SeededRandom } from '../seeded-random.ts';
import { isWorldStopped } from '../simulated-environment.ts';
import { confState } from './back-end.ts';

export interface AuthorOptions {
  /**
   * Whether entries are larger and purges more frequent, so that a log of small segments begins and
   * removes a segment every few calls. Default false.
   */
  readonly rotatesOften?: boolean;
}

/** Makes a sequence of batches that a Raft node could save on this log. */
export class Author {
  readonly #random: SeededRandom;
  readonly #rotatesOften: boolean;
  #last: number;
  #term: number;
  #vote: bigint;
  #commit: number;
  #marker: number;
  #first: number;
  readonly #terms = new Map<number, number>();

  constructor(seed: number, opened: OpenedWal, { rotatesOften = false }: AuthorOptions = {}) {
    this.#random = new SeededRandom(seed);
    this.#rotatesOften = rotatesOften;
    const { storage, hardState, snapshots } = opened;
    this.#last = storage.lastIndex();
    this.#first = storage.firstIndex();
    this.#term = Math.max(1, hardState.term);
    this.#vote = hardState.vote;
    this.#commit = hardState.commit;
    this.#marker = snapshots.at(-1)?.index ?? 0;
    for (let index = this.#first - 1; index <= this.#last; index += 1) {
      this.#terms.set(index, storage.term(index));
      this.#term = Math.max(this.#term, storage.term(index));
    }
  }

  next(): LedgerBatch {
    const dice = this.#random.below(100);
    if (this.#rotatesOften && dice < 70) return this.#rotatingWork(dice);
    if (dice < 40) return this.#append(1 + this.#random.below(4));
    if (dice < 52) return this.#conflict();
    if (dice < 62) return { hardState: this.#advanceCommit() };
    if (dice < 70) return { hardState: this.#newTerm() };
    if (dice < 78) return this.#localSnapshot();
    if (dice < 82) return this.#installedSnapshot();
    if (dice < 90) return this.#purge();
    if (dice < 95) return { sync: true };
    return this.#append(20);
  }

  #rotatingWork(dice: number): LedgerBatch {
    if (dice < 35) return this.#append(1 + this.#random.below(4));
    if (dice < 45) return { hardState: this.#advanceCommit() };
    return dice < 55 ? this.#localSnapshot() : this.#purge();
  }

  #append(count: number): SaveBatch {
    const entries: Entry[] = [];
    for (let added = 0; added < count; added += 1) {
      this.#last += 1;
      this.#terms.set(this.#last, this.#term);
      entries.push({
        index: this.#last,
        term: this.#term,
        type: EntryType.Normal,
        data: this.#payload(),
      });
    }
    const withState = this.#random.below(2) === 0;
    return withState ? { entries, hardState: this.#hardState() } : { entries };
  }

  #payload(): Uint8Array | undefined {
    const kind = this.#random.below(20);
    if (kind === 0) return undefined;
    if (kind === 1) return new Uint8Array(0);
    const isLarge = kind === 2 || (this.#rotatesOften && kind < 10);
    const bytes = isLarge ? 1500 + this.#random.below(4000) : this.#random.below(200);
    return new Uint8Array(bytes).map(() => this.#random.below(256));
  }

  #conflict(): SaveBatch {
    const lowest = Math.max(this.#commit + 1, this.#first);
    if (lowest > this.#last) return this.#append(1);
    this.#last = lowest + this.#random.below(this.#last - lowest + 1) - 1;
    const hardState = this.#newTerm();
    return { ...this.#append(1 + this.#random.below(3)), hardState };
  }

  #newTerm(): { term: number; vote: bigint; commit: number } {
    this.#term += 1;
    this.#vote = BigInt(1 + this.#random.below(3));
    return this.#hardState();
  }

  #advanceCommit(): { term: number; vote: bigint; commit: number } {
    this.#commit += this.#random.below(this.#last - this.#commit + 1);
    return this.#hardState();
  }

  #hardState(): { term: number; vote: bigint; commit: number } {
    return { term: this.#term, vote: this.#vote, commit: this.#commit };
  }

  #localSnapshot(): LedgerBatch {
    const index = this.#commit;
    if (index < this.#first || index <= this.#marker) return this.#append(1);
    this.#marker = index;
    return { snapshot: { index, term: this.#terms.get(index) ?? 0, confState } };
  }

  #installedSnapshot(): LedgerBatch {
    const index = this.#last + 1 + this.#random.below(5);
    this.#term += 1;
    this.#last = index;
    this.#first = index + 1;
    this.#commit = index;
    this.#marker = index;
    this.#terms.set(index, this.#term);
    const snapshot = { index, term: this.#term, confState };
    return { snapshot, hardState: this.#hardState() };
  }

  #purge(): LedgerBatch {
    const toIndex = Math.min(this.#commit, this.#marker);
    if (toIndex < this.#first) return this.#append(2);
    this.#first = toIndex + 1;
    return { purgeTo: toIndex };
  }
}

/**
 * Makes one call and records its outcome in the ledger. Errors that are not of a log are thrown.
 */
export async function perform(
  opened: OpenedWal,
  ledger: Ledger,
  batch: LedgerBatch,
): Promise<WalError | undefined> {
  const id = ledger.attempt(batch);
  try {
    if (batch.purgeTo !== undefined) await opened.wal.purge(batch.purgeTo);
    else if (batch.sync === true) await opened.wal.sync();
    else await opened.wal.save(batch);
    ledger.acknowledge(id);
    return undefined;
  } catch (error) {
    if (isWorldStopped(error) || !(error instanceof WalError)) throw error;
    ledger.reject(id, error);
    return error;
  }
}
