/**
 * A logger of the user that cannot fail the node. Lines are written in the middle of the core's
 * work, and where nobody waits: what a logger throws there (its stream is closed, a field cannot be
 * turned into text) would leave a state that is half changed, or end the process. Such a line is
 * lost.
 */
import type { LogFields, Logger } from '../ports/logger.ts';

type Level = keyof Logger;

export function quietLogger(logger: Logger | undefined): Logger | undefined {
  if (logger === undefined) return undefined;
  const log = (level: Level, message: string, fields: LogFields | undefined): void => {
    try {
      logger[level](message, fields);
    } catch {
      // There is nobody left to tell.
    }
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
  };
}
