/** What libraries report through: they never print. `console` fits as it is. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The values that a message is about, by name. */
export type LogFields = Readonly<Record<string, unknown>>;
