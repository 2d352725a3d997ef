/**
 * Callers that wait for their proposals. They are identified by the index and term of their entry:
 * if an entry of another term takes the index, theirs is certainly not applied. Forwarded proposals
 * have no index yet and are identified by their request.
 *
 * Decision: docs/decisions/0026-proposals-and-their-outcomes.md.
 */
import type { RequestId } from './envelope.ts';
import { watchAbort } from '../support/abort-watchers.ts';
import { DroppedError, OutcomeUnknownError } from '../errors.ts';

/** Settles a waiting caller. Only the first call counts. */
export interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A promise whose wait a signal can end; the operation itself goes on. `begin` may return a cleanup
 * function, which is called however the wait ends. An error that `begin` throws rejects the
 * promise.
 */
export async function waiting<T>(
  signal: AbortSignal | undefined,
  begin: (waiter: Waiter<T>) => (() => void) | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  let tidy: (() => void) | undefined;
  let endWatch: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      if (signal !== undefined) endWatch = watchAbort(signal, () => reject(signal.reason));
      tidy = begin({ resolve, reject });
    });
  } finally {
    endWatch?.();
    tidy?.();
  }
}

/** Settles as the promise does, unless the signal fires first. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return waiting<T>(signal, (waiter) => {
    promise.then(waiter.resolve, waiter.reject);
    return undefined;
  });
}

/**
 * Yields the items until the signal fires. Then the source is told to end, without waiting for a
 * read that may hang.
 */
export async function* untilAborted<T>(
  items: AsyncGenerator<T, void, void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  try {
    for (;;) {
      const next = await unlessAborted(items.next(), signal);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    const ending = items.return();
    ending.catch(() => undefined);
    if (signal?.aborted !== true) await ending;
  }
}

/** Callers that wait until an index is applied. */
export class IndexWaiters {
  readonly #waiters = new Set<{ readonly index: number; readonly waiter: Waiter<void> }>();
  readonly #appliedIndex: () => number;

  constructor(appliedIndex: () => number) {
    this.#appliedIndex = appliedIndex;
  }

  async wait(index: number, signal: AbortSignal | undefined): Promise<void> {
    if (index <= this.#appliedIndex()) return;
    await waiting<void>(signal, (waiter) => {
      const waits = { index, waiter };
      this.#waiters.add(waits);
      return () => this.#waiters.delete(waits);
    });
  }

  /** Called when more was applied. */
  applied(): void {
    if (this.#waiters.size === 0) return;
    const appliedIndex = this.#appliedIndex();
    for (const { index, waiter } of this.#waiters) if (index <= appliedIndex) waiter.resolve();
  }

  stop(cause: Error): void {
    for (const { waiter } of this.#waiters) waiter.reject(cause);
  }
}

interface Placed<T> {
  readonly term: number;
  readonly waiter: Waiter<T>;
}

export class ProposalWaiters<T> {
  /**
   * By index. The keys are in ascending order too, because proposals are appended in ascending
   * order.
   */
  readonly #placed = new Map<number, Placed<T>>();
  readonly #requests = new Map<number, Waiter<T>>();
  /** The term of the newest applied entry. Terms in the log never decrease. */
  #term = 0;

  get count(): number {
    return this.#placed.size + this.#requests.size;
  }

  /**
   * Waits for the entry of this index and term. A caller that waits at this index for another term
   * is rejected: its entry was dropped.
   */
  place(index: number, term: number, waiter: Waiter<T>): () => void {
    this.#dropAt(index);
    this.#placed.set(index, { term, waiter });
    return () => {
      if (this.#placed.get(index)?.waiter === waiter) this.#placed.delete(index);
    };
  }

  placeRequest({ number }: RequestId, waiter: Waiter<T>): () => void {
    this.#requests.set(number, waiter);
    return () => this.#requests.delete(number);
  }

  /**
   * Called when the apply path has reached the entry of this index and term. Returns its waiter.
   */
  take(index: number, term: number): Waiter<T> | undefined {
    if (term > this.#term) this.#dropOlderThan(term);
    const placed = this.#placed.get(index);
    if (placed === undefined) return undefined;
    this.#placed.delete(index);
    if (placed.term === term) return placed.waiter;
    placed.waiter.reject(dropped(index, placed.term));
    return undefined;
  }

  /** An entry of this term was reached, so no entry of an older term can follow. */
  #dropOlderThan(term: number): void {
    this.#term = term;
    for (const [index, placed] of this.#placed) {
      if (placed.term >= term) continue;
      this.#placed.delete(index);
      placed.waiter.reject(dropped(index, placed.term));
    }
  }

  takeRequest({ number }: RequestId): Waiter<T> | undefined {
    const waiter = this.#requests.get(number);
    this.#requests.delete(number);
    return waiter;
  }

  /**
   * A snapshot of another member covers everything up to `index`, so this node cannot learn the
   * outcome of those entries.
   */
  skipTo(index: number): void {
    for (const [at, { waiter }] of this.#placed) {
      if (at > index) continue;
      this.#placed.delete(at);
      waiter.reject(
        new OutcomeUnknownError(`entry ${at} is covered by a snapshot of another member`),
      );
    }
  }

  rejectRequests(error: Error): void {
    for (const waiter of this.#requests.values()) waiter.reject(error);
    this.#requests.clear();
  }

  rejectPlaced(error: (index: number) => Error): void {
    for (const [index, { waiter }] of this.#placed) waiter.reject(error(index));
    this.#placed.clear();
  }

  /** Called when the node stops. */
  rejectAll(error: (index: number | undefined) => Error): void {
    this.rejectPlaced(error);
    this.rejectRequests(error(undefined));
  }

  #dropAt(index: number): void {
    const placed = this.#placed.get(index);
    if (placed !== undefined) placed.waiter.reject(dropped(index, placed.term));
  }
}

function dropped(index: number, term: number): DroppedError {
  return new DroppedError(
    `entry ${index} of term ${term} was replaced by an entry of another leader`,
  );
}
