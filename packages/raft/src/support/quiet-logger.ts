/**
 * Wraps the user's logger so that it cannot fail the node. Lines are logged in the middle of the
 * core's work, and where nobody awaits the result. An error that a logger throws there (its stream
 * is closed, a field cannot be turned into text) would leave a half-changed state, or end the
 * process. Such a line is lost.
 */
import type { LogFields, Logger } from '../ports/logger.ts';

type Level = keyof Logger;

export function quietLogger(logger: Logger | undefined): Logger | undefined {
  if (logger === undefined) return undefined;
  const log = (level: Level, message: string, fields: LogFields | undefined): void => {
    try {
      logger[level](message, fields);
    } catch {
      // There is no other way to report it.
    }
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
  };
}
