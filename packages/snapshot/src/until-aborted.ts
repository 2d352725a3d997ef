/** Waiting that an `AbortSignal` ends, even if the awaited promise never settles. */

/**
 * Resolves or rejects like `work`. If the signal fires first the promise rejects with its reason,
 * and nobody waits for `work` any more.
 */
export function orAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  if (signal.aborted) {
    work.catch(ignore);
    return Promise.reject(reasonOf(signal));
  }
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(reasonOf(signal));
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/**
 * Yields the items until the signal fires. Then the source is asked to end, and a source that hangs
 * is not waited for.
 */
export async function* untilAborted<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item, void> {
  const iterator =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await orAborted(Promise.resolve(iterator.next()), signal).catch(
        (error: unknown) => {
          // A source that threw has ended, and one that is still busy has not.
          ended = !signal.aborted;
          throw error;
        },
      );
      if (next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    if (!ended) {
      const returning = Promise.resolve(iterator.return?.()).then(ignore, ignore);
      if (!signal.aborted) await orAborted(returning, signal).catch(ignore);
    }
  }
}

/** The reason of a signal as an error. A signal may fire with any value. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(String(reason));
}

function ignore(): void {}
