/** Limits how many callers run at a time; the others wait in order. */
import type { Waits } from './waits.ts';

export class Gate {
  readonly #waits: Waits;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(count: number, waits: Waits) {
    this.#free = count;
    this.#waits = waits;
  }

  async enter(signal: AbortSignal | undefined, timeoutMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    return this.#waits.wait<boolean>(signal, (resolve) => {
      const go = (): void => resolve(true);
      this.#waiting.add(go);
      const timer = setTimeout(() => resolve(false), timeoutMs);
      return () => {
        this.#waiting.delete(go);
        clearTimeout(timer);
      };
    });
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else next();
  }
}
