/** Remembers which tests found errors of a file: they are likely to find the next one, too. */

/** More of them would only make the run of a survivor longer. */
const kept = 8;

export class Killers {
  /** The test that found an error last is the last one. */
  readonly #testIds = new Map<string, readonly string[]>();

  add(source: string, testId: string): void {
    const others = [...this.of(source)].filter((id) => id !== testId);
    this.#testIds.set(source, [...others, testId].slice(-kept));
  }

  of(source: string): ReadonlySet<string> {
    return new Set(this.#testIds.get(source));
  }
}
