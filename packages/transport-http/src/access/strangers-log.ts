/**
 * A rate-limited log for events that strangers can cause, so that nobody on the network can fill
 * the log. A stranger is a program that has not authenticated as a member.
 */
import type { Logger } from '@babuza/raft';
import type { Clock } from '@babuza/vfs';
import { printable } from './printable.ts';

const intervalMs = 60_000;
const linesPerInterval = 20;

export class StrangersLog {
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  #beganMs = -Infinity;
  #lines = 0;
  #left = 0;
  readonly #told = new Set<string>();

  constructor(clock: Clock, logger: Logger | undefined) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * Logs one line, unless a line with the same key or 20 other lines were logged within the last
   * minute. The field `leftOut` of the next line counts the suppressed ones. Texts and errors in
   * the fields are made printable.
   */
  tell(
    level: 'debug' | 'info' | 'warn',
    key: string,
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#beganMs >= intervalMs) this.#begin(nowMs);
    if (this.#told.has(key) || this.#lines >= linesPerInterval) {
      this.#left += 1;
      return;
    }
    this.#told.add(key);
    this.#lines += 1;
    const leftOut = this.#left === 0 ? {} : { leftOut: this.#left };
    this.#left = 0;
    this.#logger?.[level](message, { ...printableFields(fields), ...leftOut });
  }

  #begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#lines = 0;
    this.#told.clear();
  }
}

function printableFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' || value instanceof Error ? printable(String(value)) : value,
    ]),
  );
}
