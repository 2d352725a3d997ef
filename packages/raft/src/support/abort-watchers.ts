/**
 * Who wants to know that a signal fires: many callers with one signal, as all requests of a server
 * may have, share one listener. With a listener each the platform warns of a leak from the eleventh
 * on, and each that is removed costs a look at all the others.
 */

interface Watchers {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const watched = new WeakMap<AbortSignal, Watchers>();

/** `call` is called once when the signal fires; until the function that is returned was called. */
export function watchAbort(signal: AbortSignal, call: () => void): () => void {
  const { calls, listener } = watched.get(signal) ?? watch(signal);
  calls.add(call);
  return () => {
    calls.delete(call);
    if (calls.size > 0 || watched.get(signal)?.calls !== calls) return;
    watched.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

function watch(signal: AbortSignal): Watchers {
  const calls = new Set<() => void>();
  const listener = (): void => {
    for (const call of calls) call();
  };
  const watchers = { calls, listener };
  watched.set(signal, watchers);
  signal.addEventListener('abort', listener, { once: true });
  return watchers;
}
