/**
 * Delays proposals while the first leader of a cluster fixes its birth id: no entry of a user
 * enters the log before that is committed. This happens once for each cluster.
 */
import { waiting, type Waiter } from '../proposals/waiters.ts';

export class IdentityGate {
  readonly #mustWait: () => boolean;
  readonly #onWait: () => void;
  #waiters: Waiter<void>[] = [];
  #stopCause: Error | undefined;

  /** `onWait` is called when a caller begins to wait. */
  constructor(mustWait: () => boolean, onWait: () => void = () => undefined) {
    this.#mustWait = mustWait;
    this.#onWait = onWait;
  }

  get mustWait(): boolean {
    return this.#mustWait();
  }

  get length(): number {
    return this.#waiters.length;
  }

  /** Resolves, in the order of the calls, when callers need not wait any more. */
  async pass(signal: AbortSignal | undefined): Promise<void> {
    while (this.#mustWait()) {
      if (this.#stopCause !== undefined) throw this.#stopCause;
      this.#onWait();
      await waiting<void>(signal, (waiter) => {
        this.#waiters.push(waiter);
        return () => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
        };
      });
    }
  }

  /** The identity was fixed, or another member leads: waiting callers check again. */
  changed(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  /** Rejects callers that have to wait, now and later. */
  stop(cause: Error): void {
    this.#stopCause = cause;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(cause);
  }
}
