/**
 * Proposals wait here while the first leader of a cluster fixes its birth id: nothing of a user
 * gets into the log before that is committed. It happens once in the life of a cluster.
 */
import { waiting, type Waiter } from '../proposals/waiters.ts';

export class IdentityGate {
  readonly #mustWait: () => boolean;
  readonly #onWait: () => void;
  #waiters: Waiter<void>[] = [];
  #stopCause: Error | undefined;

  /** `onWait` is called when somebody begins to wait. */
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

  /** Resolves when nobody must wait any more, in the order of the calls. */
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

  /** The identity was fixed, or another member leads: those who wait look again. */
  changed(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  /** Nobody passes any more who would have to wait. */
  stop(cause: Error): void {
    this.#stopCause = cause;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(cause);
  }
}
