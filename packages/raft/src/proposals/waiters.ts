/**
 * Callers who wait for what they proposed. They are known by the place of their entry, index and
 * term: if another term's entry takes the index, theirs is certainly not applied. Proposals that
 * were forwarded have no place yet and are known by their request.
 *
 * Decision: docs/decisions/0026-proposals-and-their-outcomes.md.
 */
import type { RequestId } from './envelope.ts';
import { watchAbort } from '../support/abort-watchers.ts';
import { DroppedError, OutcomeUnknownError } from '../errors.ts';

/** Someone who waits. Only the first call counts. */
export interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A promise whose waiting a signal can end; what is waited for goes on. `begin` may return what is
 * to be tidied up in whatever way the waiting ends. What it throws rejects the promise.
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

/** What the promise gives, unless the signal fires first. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return waiting<T>(signal, (waiter) => {
    promise.then(waiter.resolve, waiter.reject);
    return undefined;
  });
}

/**
 * The items, until the signal fires: their source is told to end then, and not waited for in the
 * middle of a read.
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

/** Callers who wait until an index is applied. */
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

  /** More was applied. */
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
  /** By index, which is also the order of the keys: proposals are placed in ascending order. */
  readonly #placed = new Map<number, Placed<T>>();
  readonly #requests = new Map<number, Waiter<T>>();
  /** Of the newest entry that was reached: terms in the log never fall. */
  #term = 0;

  get count(): number {
    return this.#placed.size + this.#requests.size;
  }

  /**
   * Waits for the entry of this index and term. One that waits there for another term was dropped.
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
   * The entry of this index and term was reached by the apply path: who waits for it is handed out.
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

  /** An entry of this term was reached: none of an older term comes behind it. */
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
   * A snapshot from elsewhere covers everything up to `index`: what became of it cannot be told
   * here.
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

  /** The node stops. */
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
    `the log of another leader took the place of entry ${index} of term ${term}`,
  );
}
