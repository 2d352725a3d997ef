/**
 * Everything that the client waits for can be ended: by the signal of the caller, and by the end of
 * the client.
 */

export class Waits {
  readonly #open = new Set<(error: Error) => void>();
  #closed: Error | undefined;

  /**
   * `start` begins what is waited for and returns what gives it back; that runs once, in any
   * outcome.
   */
  wait<T>(
    signal: AbortSignal | undefined,
    start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
  ): Promise<T> {
    const ended = this.#closed ?? (signal?.aborted === true ? reasonOf(signal) : undefined);
    if (ended !== undefined) return Promise.reject(ended);
    return new Promise<T>((resolve, reject) => {
      let settled = false;
      let giveBack: (() => void) | undefined;
      const settle = (act: () => void): void => {
        if (settled) return;
        settled = true;
        this.#open.delete(fail);
        signal?.removeEventListener('abort', onAbort);
        giveBack?.();
        act();
      };
      const fail = (error: Error): void => settle(() => reject(error));
      const onAbort = (): void => fail(reasonOf(signal));
      this.#open.add(fail);
      signal?.addEventListener('abort', onAbort);
      giveBack = start((value) => settle(() => resolve(value)), fail);
      if (settled) giveBack();
    });
  }

  pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
    return this.wait<void>(signal, (resolve) => {
      const timer = setTimeout(resolve, durationMs);
      return () => clearTimeout(timer);
    });
  }

  /** Rejects everything that waits now with this error. */
  end(error: Error): void {
    for (const fail of this.#open) fail(error);
  }

  /** As `end`, and so is what would wait from now on. */
  close(error: Error): void {
    this.#closed ??= error;
    this.end(error);
  }
}

/** Signals abort with errors; what else one is given becomes one. */
function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error(String(reason));
}
