/**
 * Names that are not looked up again for some time because their last look-up failed slowly. A name
 * is kept only while it rests. The number of names has a bound: a failing look-up holds a thread,
 * and its name rests for a fixed multiple of that time, so each thread accounts for a few names at
 * a time, however many names fail one after the other.
 */

/** A name rests for this multiple of the duration of its failed look-up. */
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

  /** The failure of a name that rests; `undefined` if the name may be looked up. */
  failureOf(name: string, nowMs: number): Pick<Failure, 'error'> | undefined {
    const failure = this.#failures.get(name);
    return failure !== undefined && nowMs < failure.restsUntilMs ? failure : undefined;
  }

  /** Records that a look-up of the name has failed now. */
  failed(name: string, error: unknown, startedMs: number, nowMs: number): void {
    this.#failures.delete(name);
    for (const [other, { restsUntilMs }] of this.#failures) {
      if (restsUntilMs <= nowMs) this.#failures.delete(other);
    }
    const restsUntilMs = nowMs + restFactor * (nowMs - startedMs);
    if (restsUntilMs > nowMs) this.#failures.set(name, { error, restsUntilMs });
  }
}
