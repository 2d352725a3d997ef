/**
 * The output of a directive: what the harness writes, and the log lines of the nodes in between.
 */

import type { LogLevel, RaftLogger } from '../../src/index.ts';
import { DirectiveError } from './directive-error.ts';

const levels = ['debug', 'info', 'warn', 'error', 'fatal', 'none'];
const silent = levels.indexOf('none');

export class Output implements RaftLogger {
  #text = '';
  /** Lines below it are not written; at `none` nothing is. */
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

  /** Runs with another level, and puts the old one back. */
  withLevel(name: string | undefined, run: () => void): void {
    const before = this.#level;
    if (name !== undefined) this.setLevel(name);
    try {
      run();
    } finally {
      this.#level = before;
    }
  }

  /** Everything written meanwhile gets two spaces in front of each line. */
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
