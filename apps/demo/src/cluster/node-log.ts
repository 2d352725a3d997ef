/**
 * Writes the log messages of a node as JSON lines to a file beside its data, where one can look up
 * later why a request was refused.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LogFields, Logger } from '@babuza/raft';

export const nodeLogName = 'node.log';

/**
 * Written at once: a process that is killed has told everything. What the disk does not take is not
 * told.
 */
export function openNodeLog(directory: string): Logger {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, nodeLogName);
  const writer =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      const at = new Date().toISOString();
      try {
        appendFileSync(path, `${JSON.stringify({ at, level, message, ...fields }, readable)}\n`);
      } catch {
        // The node goes on without.
      }
    };
  return { debug: nothing, info: nothing, warn: writer('warn'), error: writer('error') };
}

const nothing = (): void => undefined;

/** Converts values that JSON cannot represent. */
function readable(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Error ? problemOf(value) : value;
}

/** With what caused it. */
function problemOf({ message, cause }: Error): string {
  if (!(cause instanceof Error) || message.includes(cause.message)) return message;
  return `${message}: ${problemOf(cause)}`;
}
