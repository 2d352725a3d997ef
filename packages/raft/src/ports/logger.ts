/** The logger that libraries report through: they never print. `console` can be passed as it is. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The values of a log line, by name. */
export type LogFields = Readonly<Record<string, unknown>>;
