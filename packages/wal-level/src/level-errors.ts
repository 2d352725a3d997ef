/** What a failure of the database means to a log: by `code`, along the causes, never by text. */
import {
  CorruptError,
  LockedError,
  ReadFailedError,
  WalError,
  WriteFailedError,
} from '@babuza/wal-core';

/** Causes that are followed: enough for every wrapper, and an end for a chain that has none. */
const causesMax = 8;

/** Every `code` of an error and of its causes. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  let current = error;
  for (let depth = 0; depth < causesMax && current instanceof Error; depth += 1) {
    if ('code' in current && typeof current.code === 'string') codes.push(current.code);
    current = current.cause;
  }
  return codes;
}

/** While opening or reading: nothing was changed, and nothing is known about the data. */
export function readFailure(error: unknown, directory: string, groupId = 0n): WalError {
  if (error instanceof WalError) return error;
  const codes = codesOf(error);
  const text = messageOf(error);
  if (codes.includes('LEVEL_LOCKED')) {
    return new LockedError(`${directory} is open elsewhere: ${text}`, error);
  }
  if (codes.includes('LEVEL_CORRUPTION')) {
    const details = { groupId, file: directory, verdict: 'database-corruption' };
    return new CorruptError(`the database reports damage: ${text}`, details, error);
  }
  return new ReadFailedError(`${directory} could not be read: ${text}`, error);
}

/**
 * While writing: what is on disk is not known. A store that knows that nothing was written throws
 * wal-core's `NoSpaceError` itself.
 */
export function writeFailure(error: unknown, directory: string): WalError {
  if (error instanceof WalError) return error;
  return new WriteFailedError(`${directory} could not be written: ${messageOf(error)}`, error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
