/**
 * Decides in crash and fault tests whether a reopened log is allowed. The test reports every batch
 * before the call, and the outcome of the call. After a crash the ledger compares the reopened log
 * with these rules:
 *
 * - An acknowledged batch is there: with the same entries and bytes, term, vote and markers.
 * - An attempted batch (without an answer yet, or poisoned) is there completely or not at all, and
 *   only together with all batches before it. Without the capability `batchAtomic` a prefix of its
 *   records may be there.
 * - A batch that was never attempted, or that was refused, is not there.
 * - The commit index may be lower than the last saved one, but not lower than the one that a
 *   durable batch, marker, purge or sync included.
 *
 * So the reopened log must equal the log after the first N attempted batches, where N covers all
 * acknowledged ones. The ledger tries each N and reports the differences from the nearest one.
 */
import type { SaveBatch } from '../wal.ts';
import { codeOf } from './failures.ts';
import { differences, type ReopenedLog } from './ledger-compare.ts';
import { ModelLog } from './model-log.ts';

/** One call: a save, a purge (`purgeTo`), a `sync`, or a replay with `discardUncommitted`. */
export interface LedgerBatch extends SaveBatch {
  readonly purgeTo?: number | undefined;
  readonly sync?: boolean | undefined;
  readonly discardUncommitted?: boolean | undefined;
}

export interface LedgerOptions {
  /** The capability of the back end. Default true. */
  readonly batchAtomic?: boolean | undefined;
  /** The capability of the back end. Default true. */
  readonly exactPurge?: boolean | undefined;
}

interface Attempt {
  readonly id: number;
  readonly batch: LedgerBatch;
  acknowledged: boolean;
}

interface Candidate {
  readonly model: ModelLog;
  /** The number of attempts that it contains completely. */
  readonly count: number;
  readonly name: string;
}

/** Codes which guarantee that nothing of the batch is, or ever will be, in the log. */
const refusals: ReadonlySet<string> = new Set([
  'WAL_NO_SPACE',
  'WAL_TRY_AGAIN',
  'WAL_INVALID',
  'WAL_OUT_OF_ORDER',
  'WAL_TOO_LARGE',
  'WAL_SNAPSHOT_OUT_OF_DATE',
  'WAL_CLOSED',
]);

export class Ledger {
  readonly #batchAtomic: boolean;
  readonly #exactPurge: boolean;
  /** The log after all attempts that were removed from the list because they were acknowledged. */
  #settled = new ModelLog();
  #attempts: Attempt[] = [];
  #nextId = 1;
  #outOfOrder: string[] = [];

  constructor(options: LedgerOptions = {}) {
    this.#batchAtomic = options.batchAtomic ?? true;
    this.#exactPurge = options.exactPurge ?? true;
  }

  /**
   * Records a call that is about to be made. Payloads are copied. Returns the id for reporting the
   * outcome.
   */
  attempt(batch: LedgerBatch): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#attempts.push({ id, batch: copyOf(batch), acknowledged: false });
    return id;
  }

  /** Records that the call resolved. */
  acknowledge(id: number): void {
    const at = this.#attempts.findIndex((attempt) => attempt.id === id);
    const attempt = this.#attempts[at];
    if (attempt === undefined) return;
    attempt.acknowledged = true;
    // A purge resolves when its space is freed. Saves that were called after it may resolve
    // earlier.
    const earlier = this.#attempts
      .slice(0, at)
      .find(({ acknowledged, batch }) => !acknowledged && batch.purgeTo === undefined);
    if (earlier !== undefined) {
      this.#outOfOrder.push(`batch ${id} was acknowledged before batch ${earlier.id}`);
    }
    while (this.#attempts[0]?.acknowledged === true) {
      const first = this.#attempts.shift();
      if (first !== undefined) applyTo(this.#settled, first.batch);
    }
  }

  /**
   * Records that the call rejected. After a refusal nothing of it may be in the log. After any
   * other error, such as that of a poisoned log, the outcome is unknown, and the call stays an
   * attempt.
   */
  reject(id: number, error: unknown): void {
    if (!refusals.has(codeOf(error))) return;
    this.#attempts = this.#attempts.filter((attempt) => attempt.id !== id);
  }

  /**
   * Compares a reopened log with what is allowed. Returns the violations; an empty list means that
   * there are none.
   */
  judge(reopened: ReopenedLog): string[] {
    if (this.#outOfOrder.length > 0) return [...this.#outOfOrder];
    const { best, violations } = this.#nearest(reopened);
    if (violations.length === 0) return [];
    const pending = this.#attempts.map(({ id }) => id).join(', ') || 'none';
    return violations.map(
      (violation) => `${violation} (compared with ${best.name}; attempted only: ${pending})`,
    );
  }

  /**
   * Continues from a reopened log that `judge` accepted, for a crash after a crash. Everything that
   * the log shows now was visible to readers and must stay.
   */
  adopt(reopened: ReopenedLog): void {
    const { best } = this.#nearest(reopened);
    this.#settled = best.model;
    this.#settled.hardState = reopened.hardState;
    this.#attempts = [];
    this.#outOfOrder = [];
  }

  /** Returns an independent copy, to check several crashes of one history. */
  copy(): Ledger {
    const copy = new Ledger({ batchAtomic: this.#batchAtomic, exactPurge: this.#exactPurge });
    copy.#settled = this.#settled.clone();
    copy.#attempts = this.#attempts.map((attempt) => ({ ...attempt }));
    copy.#nextId = this.#nextId;
    copy.#outOfOrder = [...this.#outOfOrder];
    return copy;
  }

  #nearest(reopened: ReopenedLog): { best: Candidate; violations: string[] } {
    const candidates = this.#candidates();
    // The candidate with the most batches comes first: if several match, the log contains all of
    // them.
    candidates.reverse();
    let best: Candidate | undefined;
    let violations: string[] = [];
    for (const candidate of candidates) {
      const found = differences(candidate.model, reopened, this.#exactPurge);
      if (best === undefined || found.length <= violations.length) {
        best = candidate;
        violations = found;
      }
      if (found.length === 0) break;
    }
    return { best: best ?? { model: this.#settled, count: 0, name: 'nothing' }, violations };
  }

  #candidates(): Candidate[] {
    const acknowledged = this.#attempts.findLastIndex((attempt) => attempt.acknowledged) + 1;
    let model = this.#settled.clone();
    let name = 'all that was acknowledged';
    const all: Candidate[] = [{ model, count: 0, name }];
    for (const [at, { id, batch }] of this.#attempts.entries()) {
      const before = model;
      if (!this.#batchAtomic) {
        for (const part of partsOf(batch, before.hardState.commit)) {
          const partial = before.clone();
          partial.save(part);
          unpromise(partial, before, part);
          all.push({ model: partial, count: at, name: `a part of batch ${id}` });
        }
      }
      model = before.clone();
      applyTo(model, batch);
      if (!this.#batchAtomic && at >= acknowledged) unpromise(model, before, batch);
      name = `all up to batch ${id}`;
      all.push({ model, count: at + 1, name });
    }
    return all.filter(({ count }) => count >= acknowledged);
  }
}

function applyTo(model: ModelLog, batch: LedgerBatch): void {
  model.save(batch);
  if (batch.purgeTo !== undefined) model.purge(batch.purgeTo);
  if (batch.sync === true) model.sync();
  if (batch.discardUncommitted === true) {
    model.discardUncommitted(model.markers.at(-1)?.index ?? 0);
  }
}

/**
 * Without atomic batches, a batch may be there without the hard state that follows it. Before its
 * acknowledgement it guarantees no commit index but that of its marker.
 */
function unpromise(model: ModelLog, before: ModelLog, { snapshot }: SaveBatch): void {
  model.durableCommit = Math.max(before.durableCommit, snapshot?.index ?? 0);
}

/**
 * Returns the incomplete contents that a crash can leave of a batch that is written record by
 * record.
 */
function partsOf({ snapshot, entries = [], hardState }: SaveBatch, commit: number): SaveBatch[] {
  const parts: SaveBatch[] = [];
  if (snapshot !== undefined) parts.push({ snapshot });
  for (let count = 1; count <= entries.length; count += 1) {
    parts.push({ snapshot, entries: entries.slice(0, count) });
  }
  if (snapshot === undefined || hardState === undefined || snapshot.index <= commit) return parts;
  // A marker above the commit index is valid only with a hard state that covers it. That hard state
  // is written before the entries and already has the new term and vote.
  const covering = { ...hardState, commit: snapshot.index };
  return [...parts, ...parts.map((part) => ({ ...part, hardState: covering }))];
}

function copyOf(batch: LedgerBatch): LedgerBatch {
  const entries = batch.entries?.map((entry) =>
    entry.data === undefined ? entry : { ...entry, data: new Uint8Array(entry.data) },
  );
  return { ...batch, entries };
}
