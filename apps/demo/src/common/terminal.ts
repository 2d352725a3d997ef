/**
 * Prints numbered steps, notes below them, and one progress line. On a terminal the progress line
 * is redrawn in place and text is coloured, unless NO_COLOR is set. Elsewhere progress is a plain
 * line every three seconds.
 */
const redrawMs = 80;
const plainLineMs = 3000;
const barCells = 24;

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

const codes: Record<Style, readonly [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export class Terminal {
  readonly #stream: NodeJS.WriteStream;
  /** `isTTY` is `undefined` when the stream is a file or a pipe. */
  readonly #isTty: boolean;
  readonly #coloured: boolean;
  #steps = 0;
  #progressShown = false;
  #isQuiet = false;
  #lastProgressMs = 0;

  constructor(stream: NodeJS.WriteStream, noColor: string | undefined) {
    this.#stream = stream;
    this.#isTty = stream.isTTY;
    // https://no-color.org: set and not empty.
    this.#coloured = this.#isTty && (noColor ?? '') === '';
  }

  style(style: Style, text: string): string {
    const [on, off] = codes[style];
    return this.#coloured ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  }

  /** Stops all output, so that messages of a story that is being shut down do not appear. */
  quiet(): void {
    this.clearProgress();
    this.#isQuiet = true;
  }

  line(text = ''): void {
    this.clearProgress();
    if (!this.#isQuiet) this.#stream.write(`${text}\n`);
  }

  /** The heading of the next numbered step. */
  step(title: string): void {
    this.#steps += 1;
    this.#lastProgressMs = performance.now();
    this.line();
    this.line(`${this.style('cyan', `${this.#steps}`)}  ${this.style('bold', title)}`);
  }

  note(text: string): void {
    this.line(`   ${text}`);
  }

  good(text: string): void {
    this.note(`${this.style('green', this.#isTty ? '✔' : 'ok')} ${text}`);
  }

  bad(text: string): void {
    this.note(`${this.style('red', this.#isTty ? '✘' : 'FAILED')} ${text}`);
  }

  /** Prints a limitation that is by design. */
  warn(text: string): void {
    this.note(`${this.style('yellow', '!')} ${text}`);
  }

  /**
   * Shows the progress of a step. `text` is only called when a line is drawn, so a call per entry
   * is cheap.
   */
  progress(done: number, total: number, text: () => string): void {
    const nowMs = performance.now();
    if (this.#isQuiet) return;
    if (nowMs - this.#lastProgressMs < (this.#isTty ? redrawMs : plainLineMs)) return;
    this.#lastProgressMs = nowMs;
    const fraction = total === 0 ? 1 : Math.min(1, done / total);
    const percent = `${Math.floor(fraction * 100)}`.padStart(3);
    if (!this.#isTty) {
      this.#stream.write(`   ... ${percent} %  ${text()}\n`);
      return;
    }
    const full = Math.round(fraction * barCells);
    const bar =
      this.style('cyan', '█'.repeat(full)) + this.style('dim', '░'.repeat(barCells - full));
    const textColumns = Math.max(0, (this.#stream.columns || 80) - barCells - 11);
    this.#stream.write(`\r\u001b[2K   ${bar} ${percent} %  ${text().slice(0, textColumns)}`);
    this.#progressShown = true;
  }

  clearProgress(): void {
    if (!this.#progressShown) return;
    this.#stream.write('\r\u001b[2K');
    this.#progressShown = false;
  }

  /** Prints the prompt for a line of input. */
  prompt(text: string): void {
    if (!this.#isQuiet) this.#stream.write(text);
  }

  /** Prints rows of a name, a right-aligned value, and a remark that explains the value. */
  table(rows: readonly (readonly [name: string, value: string, remark: string])[]): void {
    const nameWidth = Math.max(...rows.map(([name]) => name.length));
    const valueWidth = Math.max(...rows.map(([, value]) => value.length));
    for (const [name, value, remark] of rows) {
      const figure = this.style('bold', value.padStart(valueWidth));
      this.note(`${name.padEnd(nameWidth)}  ${figure}  ${this.style('dim', remark)}`.trimEnd());
    }
  }
}
