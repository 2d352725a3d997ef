/**
 * The trace of a run. A digest over all steps makes two runs comparable. Descriptions of the steps
 * are kept only when a failed run is repeated.
 */

const linesKept = 40;

export class Trace {
  /** A number that depends on all steps so far and on their order. */
  digest = 0x811c9dc5;
  readonly #lines: string[] | undefined;

  constructor(keepsLines: boolean) {
    this.#lines = keepsLines ? [] : undefined;
  }

  /** The descriptions of the last steps. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** Adds a number to the digest. */
  mix(value: number): void {
    this.digest = Math.imul(this.digest ^ value, 0x01000193) >>> 0;
  }

  note(line: () => string): void {
    const lines = this.#lines;
    if (lines === undefined) return;
    lines.push(line());
    if (lines.length > linesKept) lines.shift();
  }
}
