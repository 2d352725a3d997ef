/**
 * The logger of the core. It gets each line as a function and calls it only if it prints the level,
 * so that no line is formatted in vain.
 */

import { RaftPanicError } from './errors.ts';

/** After a line with `fatal`, the node stops with a `RaftPanicError`. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Receives log lines. It must not throw, and must not call the node. */
export interface RaftLogger {
  log(level: LogLevel, line: () => string): void;
}

/** Logs why the node cannot go on, and throws a `RaftPanicError` with the same message. */
export function panic(logger: RaftLogger | undefined, message: string, cause?: unknown): never {
  logger?.log('fatal', () => message);
  throw new RaftPanicError(message, cause);
}
