/**
 * What happened in a run. Of every step a digest remembers what it was, so that two runs can be
 * compared; the words are kept only when the run is one that is to be explained.
 */

const linesKept = 40;

export class Trace {
  /** A number that depends on all steps so far, and their order. */
  digest = 0x811c9dc5;
  readonly #lines: string[] | undefined;

  constructor(keepsLines: boolean) {
    this.#lines = keepsLines ? [] : undefined;
  }

  /** The last steps in words. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** Adds a number that tells this run from others. */
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
