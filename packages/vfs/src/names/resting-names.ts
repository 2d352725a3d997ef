/**
 * Names whose last look-up failed slowly, and which rest for a time after it. A name is kept only
 * while it rests. How many rest at a time has a bound: a look-up holds a thread while it fails, and
 * rests for a fixed multiple of that time, so each thread has only a few dozen names that rest,
 * however many names fail one after the other.
 */

/**
 * After a failure a name is not asked for again until so many times the duration of the failed
 * look-up has passed.
 */
const restFactor = 3;

interface Failure {
  readonly error: unknown;
  readonly restsUntilMs: number;
}

export class RestingNames {
  readonly #failures = new Map<string, Failure>();

  /** How many names are kept. */
  get count(): number {
    return this.#failures.size;
  }

  /** The failure of a name that rests; `undefined` where the name may be asked for. */
  failureOf(name: string, nowMs: number): Pick<Failure, 'error'> | undefined {
    const failure = this.#failures.get(name);
    return failure !== undefined && nowMs < failure.restsUntilMs ? failure : undefined;
  }

  /** A look-up of the name has failed now. */
  failed(name: string, error: unknown, startedMs: number, nowMs: number): void {
    this.#failures.delete(name);
    for (const [other, { restsUntilMs }] of this.#failures) {
      if (restsUntilMs <= nowMs) this.#failures.delete(other);
    }
    const restsUntilMs = nowMs + restFactor * (nowMs - startedMs);
    if (restsUntilMs > nowMs) this.#failures.set(name, { error, restsUntilMs });
  }
}
