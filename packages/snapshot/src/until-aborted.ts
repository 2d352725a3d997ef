/** Waiting that an `AbortSignal` ends, also where what is waited for never comes. */

/**
 * What `work` gives, unless the signal fires first: then its reason is thrown and `work` is on its
 * own.
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
 * The items, until the signal fires. The source is told to end, and not waited for when it hangs.
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
          // A source that has thrown has ended; one that is still busy has not.
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

/** A signal may fire with any value; what is thrown is an error. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(String(reason));
}

function ignore(): void {}
