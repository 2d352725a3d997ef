/**
 * Lets many callers share one listener on an abort signal, such as all requests of a server. With a
 * listener each, Node.js warns of a leak from the eleventh on, and removing one takes time in
 * proportion to all others.
 */

interface Watchers {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const watched = new WeakMap<AbortSignal, Watchers>();

/** Calls `call` once when the signal fires. The returned function removes the call. */
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
