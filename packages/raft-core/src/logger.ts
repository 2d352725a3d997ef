/**
 * Where the lines of the core go. A line is a function, so that nothing is formatted that nobody
 * reads: a logger that is not interested in the level does not call it.
 */

import { RaftPanicError } from './errors.ts';

/** `fatal` is followed by an error that stops the node. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Takes lines; must not throw, and must not call back into the node. */
export interface RaftLogger {
  log(level: LogLevel, line: () => string): void;
}

/** Logs why the node cannot go on, and throws it. */
export function panic(logger: RaftLogger | undefined, message: string, cause?: unknown): never {
  logger?.log('fatal', () => message);
  throw new RaftPanicError(message, cause);
}
