/** The output of a directive: the texts of the harness and the log lines of the nodes, in order. */

import type { LogLevel, RaftLogger } from '../../src/index.ts';
import { DirectiveError } from './directive-error.ts';

const levels = ['debug', 'info', 'warn', 'error', 'fatal', 'none'];
const silent = levels.indexOf('none');

export class Output implements RaftLogger {
  #text = '';
  /** The lowest level that is written. At `none`, nothing is written. */
  #level = 0;

  get text(): string {
    return this.#text;
  }

  get isSilent(): boolean {
    return this.#level === silent;
  }

  clear(): void {
    this.#text = '';
  }

  write(text: string): void {
    if (!this.isSilent) this.#text += text;
  }

  log(level: LogLevel, line: () => string): void {
    const number = levels.indexOf(level);
    if (number >= this.#level) this.write(`${level.toUpperCase()} ${line()}\n`);
  }

  setLevel(name: string): void {
    const level = levels.indexOf(name.toLowerCase());
    if (level < 0) {
      throw new DirectiveError('log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]');
    }
    this.#level = level;
  }

  /** Runs a function with another level. */
  withLevel(name: string | undefined, run: () => void): void {
    const before = this.#level;
    if (name !== undefined) this.setLevel(name);
    try {
      run();
    } finally {
      this.#level = before;
    }
  }

  /** Runs a function and indents the lines that it writes by two spaces. */
  indented(run: () => void): void {
    const before = this.#text;
    this.#text = '';
    try {
      run();
    } finally {
      const lines = this.#text.split('\n');
      if (lines.at(-1) === '') lines.pop();
      this.#text = before + lines.map((line) => `  ${line}\n`).join('');
    }
  }
}
