/** Prints events with the time since the start of the story. */
import type { Terminal } from '../common/terminal.ts';

export class Timeline {
  readonly #terminal: Terminal;
  readonly #startMs = performance.now();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  note(text: string): void {
    this.#terminal.note(`${this.#time()}  ${text}`);
  }

  good(text: string): void {
    this.#terminal.good(`${this.#time()}  ${text}`);
  }

  #time(): string {
    const seconds = (this.elapsedMs / 1000).toFixed(1).padStart(5);
    return this.#terminal.style('dim', `${seconds} s`);
  }
}
