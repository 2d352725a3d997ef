/**
 * The check that every log runs on a batch before it accepts it. A batch is compared with
 * everything that was accepted before, pending saves included, and is turned into a plan. A batch
 * that does not fit is refused here with a clear error and changes nothing. No back end has a
 * reason to refuse the content of a plan.
 */
import {
  entryEncodedSize,
  type Entry,
  type HardState,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import type { TermIndex } from './entry-index.ts';
import {
  InvalidArgumentError,
  OutOfOrderError,
  SnapshotOutOfDateError,
  TooLargeError,
} from './errors.ts';
import type { LogState } from './log-state.ts';
import { batchBytesMax, checkedId } from './options.ts';
import { emptyPlan, type SavePlan } from './save-plan.ts';
import type { SaveBatch } from './wal.ts';

export class AcceptedLog {
  readonly #state: LogState<TermIndex>;
  readonly #entryBytesMax: number;

  /** This object takes ownership of `state`. */
  constructor(state: LogState<TermIndex>, entryBytesMax: number) {
    this.#state = state;
    this.#entryBytesMax = entryBytesMax;
  }

  get hardState(): HardState {
    return this.#state.hardState;
  }

  /** Checks a batch and accepts it. Throws and changes nothing when the batch does not fit. */
  acceptSave(batch: SaveBatch): SavePlan {
    const { index, hardState: before } = this.#state;
    const marker = batch.snapshot === undefined ? undefined : this.#checkMarker(batch.snapshot);
    const restartsTerms = batch.restartsTerms === true;
    if (restartsTerms) checkRestart(batch, index.lastIndex);
    const resets = marker !== undefined && index.term(marker.index) !== marker.term;
    const base = resets ? marker.index : this.#state.baseIndex;
    const last = resets ? marker.index : index.lastIndex;
    // The caller may change its array before the save resolves, so the log keeps a copy.
    const entries = copyOfEntries(batch.entries);
    const bytes = checkEntries(entries, this.#entryBytesMax);
    const committed = Math.max(before.commit, marker?.index ?? 0);
    this.#checkFollowsLog(entries, { base, last, committed, marker });
    const lastAfter = entries.at(-1)?.index ?? last;
    const hardState = this.#checkHardState(batch.hardState, {
      committed,
      lastIndex: lastAfter,
      restartsTerms,
    });

    const first = entries[0];
    const plan: SavePlan = {
      marker,
      resets,
      truncateFrom: first !== undefined && first.index <= last ? first.index : undefined,
      entries,
      hardState,
      purgeTo: undefined,
      durable:
        first !== undefined ||
        marker !== undefined ||
        (hardState !== undefined &&
          (hardState.term !== before.term || hardState.vote !== before.vote)),
      bytes,
    };
    this.#take(plan);
    return plan;
  }

  /** Checks a purge and accepts it. */
  acceptPurge(toIndex: number): SavePlan {
    checkIndex('toIndex of a purge', toIndex);
    const { hardState, index, baseIndex } = this.#state;
    if (toIndex > hardState.commit) {
      throw new InvalidArgumentError(
        `purge to ${toIndex} is above the commit index ${hardState.commit}`,
      );
    }
    const target = Math.max(toIndex, baseIndex);
    const term = index.term(target);
    if (term === undefined) {
      throw new InvalidArgumentError(`purge to ${toIndex} is above the last index`);
    }
    this.#state.applyPurge(target);
    // The plan carries the hard state so that the commit index is durable with the purge. With a
    // lower commit index after a crash, no snapshot marker would be valid.
    return { ...emptyPlan, hardState, purgeTo: { index: target, term }, durable: true };
  }

  /**
   * Drops the entries above the commit index and above the snapshot that the replay starts from.
   */
  acceptDiscard(snapshotIndex: number): SavePlan {
    const { hardState, index, baseIndex } = this.#state;
    const from = Math.max(hardState.commit, snapshotIndex, baseIndex) + 1;
    if (from > index.lastIndex) return emptyPlan;
    index.truncateFrom(from);
    return { ...emptyPlan, truncateFrom: from, hardState, durable: true };
  }

  #checkMarker(marker: SnapshotMetadata): SnapshotMetadata {
    checkObject('the metadata of a snapshot', marker);
    checkIndex('index of a snapshot', marker.index);
    checkIndex('term of a snapshot', marker.term);
    if ((marker.index === 0) !== (marker.term === 0)) {
      throw new InvalidArgumentError(
        `a snapshot needs an index and a term that are both 0 or both above 0, got index ${marker.index}, term ${marker.term}`,
      );
    }
    const { confState } = marker;
    for (const list of ['voters', 'learners', 'votersOutgoing', 'learnersNext'] as const) {
      if (!Array.isArray(confState?.[list])) {
        throw new InvalidArgumentError(`the snapshot's confState needs the list ${list}`);
      }
      for (const id of confState[list]) checkedId(`a member of confState.${list}`, id);
    }
    const { index, hardState, baseIndex, markers } = this.#state;
    const newest = Math.max(baseIndex, markers.at(-1)?.index ?? 0);
    if (marker.index < newest) throw new SnapshotOutOfDateError(marker.index, newest);
    const term = index.term(marker.index);
    if (term !== undefined && term !== marker.term && marker.index <= hardState.commit) {
      throw new InvalidArgumentError(
        `the snapshot at index ${marker.index} has term ${marker.term}, but the committed entry there has term ${term}`,
      );
    }
    return copyMarker(marker);
  }

  #checkFollowsLog(
    entries: readonly Entry[],
    log: {
      base: number;
      last: number;
      committed: number;
      /**
       * The marker that resets the log, if there is one. After a reset no other index has a term.
       */
      marker: SnapshotMetadata | undefined;
    },
  ): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index > log.last + 1) {
      throw new OutOfOrderError(
        `entries from ${first.index} on would leave a gap: the last index of the log is ${log.last}`,
      );
    }
    if (first.index <= log.base) {
      throw new OutOfOrderError(
        `entries from ${first.index} on start before the log, whose first index is ${log.base + 1}`,
      );
    }
    if (first.index <= log.committed) {
      throw new OutOfOrderError(
        `entries from ${first.index} on would replace committed entries: the commit index is ${log.committed}`,
      );
    }
    const before =
      log.marker?.index === first.index - 1
        ? log.marker.term
        : this.#state.index.term(first.index - 1);
    if (before !== undefined && first.term < before) {
      throw new InvalidArgumentError(
        `entry ${first.index} has term ${first.term}, below term ${before} of the entry before it`,
      );
    }
  }

  /** Returns the hard state after the batch, or `undefined` when it does not change. */
  #checkHardState(
    given: HardState | undefined,
    {
      committed,
      lastIndex,
      restartsTerms,
    }: { committed: number; lastIndex: number; restartsTerms: boolean },
  ): HardState | undefined {
    const { hardState } = this.#state;
    const before = restartsTerms ? { ...hardState, term: 0, vote: 0n } : hardState;
    if (given !== undefined) checkHardStateStep(before, given, lastIndex);
    const next = given ?? before;
    const commit = Math.max(next.commit, committed);
    if (next.term === before.term && next.vote === before.vote && commit === before.commit) {
      return undefined;
    }
    return { term: next.term, vote: next.vote, commit };
  }

  #take(plan: SavePlan): void {
    const { index } = this.#state;
    if (plan.marker !== undefined) this.#state.applyMarker(plan.marker);
    if (plan.truncateFrom !== undefined) index.truncateFrom(plan.truncateFrom);
    for (const entry of plan.entries) index.append(entry.index, entry.term);
    if (plan.hardState !== undefined) this.#state.hardState = plan.hardState;
  }
}

function copyOfEntries(entries: readonly Entry[] | undefined): readonly Entry[] {
  if (entries === undefined) return [];
  if (!Array.isArray(entries))
    throw new InvalidArgumentError('the entries of a batch must be an array');
  return [...entries];
}

/** Checks that the entries fit each other, and returns the sum of their encoding sizes. */
function checkEntries(entries: readonly Entry[], entryBytesMax: number): number {
  let bytes = 0;
  let previous: Entry | undefined;
  for (const entry of entries) {
    checkObject('an entry', entry);
    // This path runs for every entry, so error messages are only built when a check fails.
    if (!isPosition(entry.index) || !isPosition(entry.term)) {
      throw new InvalidArgumentError(
        `index and term of an entry must be integers from 1 to 2^53 - 1, got index ${String(entry.index)}, term ${String(entry.term)}`,
      );
    }
    if (entry.type !== 0 && entry.type !== 1 && entry.type !== 2) {
      throw new InvalidArgumentError(
        `entry ${entry.index} has the unknown type ${String(entry.type)}`,
      );
    }
    if (entry.data !== undefined && !(entry.data instanceof Uint8Array)) {
      throw new InvalidArgumentError(`the data of entry ${entry.index} must be a Uint8Array`);
    }
    const size = entryEncodedSize(entry);
    if (size > entryBytesMax) throw new TooLargeError(`entry ${entry.index}`, size, entryBytesMax);
    bytes += size;
    if (previous !== undefined) checkNeighbours(previous, entry);
    previous = entry;
  }
  if (bytes > batchBytesMax) throw new TooLargeError('the batch', bytes, batchBytesMax);
  return bytes;
}

function checkNeighbours(previous: Entry, entry: Entry): void {
  if (entry.index !== previous.index + 1) {
    throw new OutOfOrderError(`entry ${entry.index} follows entry ${previous.index} in one batch`);
  }
  if (entry.term < previous.term) {
    throw new InvalidArgumentError(
      `entry ${entry.index} has term ${entry.term}, below term ${previous.term} of the entry before it`,
    );
  }
}

function checkObject(what: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return;
  throw new InvalidArgumentError(`${what} must be an object, got ${String(value)}`);
}

function checkHardStateStep(before: HardState, given: HardState, lastIndex: number): void {
  checkObject('the hard state', given);
  checkIndex('term of the hard state', given.term);
  checkIndex('commit of the hard state', given.commit);
  if (typeof given.vote !== 'bigint') {
    throw new InvalidArgumentError(
      `the vote of the hard state must be a bigint, got ${String(given.vote)}`,
    );
  }
  checkedId('vote of the hard state', given.vote);
  if (given.term < before.term) {
    throw new InvalidArgumentError(
      `the term of the hard state goes back from ${before.term} to ${given.term}`,
    );
  }
  if (given.term === before.term && given.vote !== before.vote && before.vote !== 0n) {
    throw new InvalidArgumentError(
      `the vote in term ${given.term} changes from ${before.vote} to ${given.vote}`,
    );
  }
  if (given.commit < before.commit) {
    throw new InvalidArgumentError(
      `the commit index goes back from ${before.commit} to ${given.commit}`,
    );
  }
  if (given.commit > lastIndex) {
    throw new InvalidArgumentError(
      `the commit index ${given.commit} is above the last index ${lastIndex}`,
    );
  }
}

/**
 * A lower term belongs to another history, so the snapshot of the same batch must replace the whole
 * log.
 */
function checkRestart({ hardState, snapshot }: SaveBatch, lastIndex: number): void {
  if (hardState !== undefined && snapshot !== undefined && snapshot.index > lastIndex) return;
  throw new InvalidArgumentError(
    `a batch with restartsTerms needs a hard state and a snapshot above the last index ${lastIndex}, got ${snapshot === undefined ? 'no snapshot' : `a snapshot at ${snapshot.index}`} and ${hardState === undefined ? 'no' : 'a'} hard state`,
  );
}

function isPosition(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function checkIndex(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError(
      `the ${what} must be an integer from 0 to 2^53 - 1, got ${String(value)}`,
    );
  }
}

function copyMarker({ index, term, confState }: SnapshotMetadata): SnapshotMetadata {
  return {
    index,
    term,
    confState: {
      voters: [...confState.voters],
      learners: [...confState.learners],
      votersOutgoing: [...confState.votersOutgoing],
      learnersNext: [...confState.learnersNext],
      autoLeave: confState.autoLeave,
    },
  };
}
