/** Collects the mutants of one file while its syntax tree is walked. */
import type { Mutant, Operator } from '../mutant.ts';

interface Range {
  readonly start: number;
  readonly end: number;
}

export class Collector {
  readonly #file: string;
  readonly #source: string;
  readonly #lineStarts: readonly number[];
  readonly #mutants = new Map<string, Mutant>();
  readonly #names: string[] = [];
  /** How many nodes around the walker's place are left out. */
  readonly #mutedDepth = { types: 0, texts: 0 };

  constructor(file: string, source: string) {
    this.#file = file;
    this.#source = source;
    this.#lineStarts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
  }

  /** In the order of their places. */
  get mutants(): readonly Mutant[] {
    return [...this.#mutants.values()].sort((a, b) => a.start - b.start || a.end - b.end);
  }

  /** `texts` are those of errors and log lines; the codes in them are changed all the same. */
  mute(kind: 'types' | 'texts'): void {
    this.#mutedDepth[kind] += 1;
  }

  unmute(kind: 'types' | 'texts'): void {
    this.#mutedDepth[kind] -= 1;
  }

  enter(name: string): void {
    this.#names.push(name);
  }

  leave(): void {
    this.#names.pop();
  }

  textOf({ start, end }: Range): string {
    return this.#source.slice(start, end);
  }

  /** Does nothing below a muted node, and keeps the first of two equal changes. */
  add(operator: Operator, range: Range, replacement: string): void {
    if (this.#mutedDepth.texts === 0) this.addCode(operator, range, replacement);
  }

  /** Codes of errors are changed also where the text of the error is left out; types never are. */
  addCode(operator: Operator, { start, end }: Range, replacement: string): void {
    if (this.#mutedDepth.types > 0) return;
    const original = this.textOf({ start, end });
    const key = `${start} ${end} ${replacement}`;
    if (original === replacement || this.#mutants.has(key)) return;
    this.#mutants.set(key, {
      file: this.#file,
      operator,
      start,
      end,
      line: this.#lineOf(start),
      within: this.#names.join('.'),
      original,
      replacement,
    });
  }

  #lineOf(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}
