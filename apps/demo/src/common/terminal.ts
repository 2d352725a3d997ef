/**
 * How the demo prints: numbered steps, notes below them, and one progress line. On a terminal that
 * line is redrawn in place and there are colours, unless NO_COLOR is set; elsewhere progress is a
 * plain line every now and then.
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
  /** Absent, and so not true, where the stream is a file or a pipe. */
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

  /** Nothing is printed any more: what still ends says nothing of use. */
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

  /** Something that is so by design, and that one should know. */
  warn(text: string): void {
    this.note(`${this.style('yellow', '!')} ${text}`);
  }

  /** Shows how far a step is; cheap enough to be called for each entry. */
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
    const room = Math.max(0, (this.#stream.columns || 80) - barCells - 11);
    this.#stream.write(`\r\u001b[2K   ${bar} ${percent} %  ${text().slice(0, room)}`);
    this.#progressShown = true;
  }

  clearProgress(): void {
    if (!this.#progressShown) return;
    this.#stream.write('\r\u001b[2K');
    this.#progressShown = false;
  }

  /** Asks for a line. */
  prompt(text: string): void {
    if (!this.#isQuiet) this.#stream.write(text);
  }

  /** Rows of a name, a value that is aligned to the right, and what the value is. */
  table(rows: readonly (readonly [name: string, value: string, remark: string])[]): void {
    const nameWidth = Math.max(...rows.map(([name]) => name.length));
    const valueWidth = Math.max(...rows.map(([, value]) => value.length));
    for (const [name, value, remark] of rows) {
      const figure = this.style('bold', value.padStart(valueWidth));
      this.note(`${name.padEnd(nameWidth)}  ${figure}  ${this.style('dim', remark)}`.trimEnd());
    }
  }
}
