/**
 * Translates failures of the database into errors of a log. The `code` of the error or of one of
 * its causes decides. The text decides only whether a file descriptor was missing, because LevelDB
 * has no code for that.
 */
import {
  CorruptError,
  LockedError,
  ReadFailedError,
  TryAgainError,
  WalError,
  WriteFailedError,
} from '@babuza/wal-core';

/**
 * How many causes are followed. More than any wrapper adds, and a bound for a chain that has a
 * cycle.
 */
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

/** Translates a failure to open or to read. Nothing was changed. */
export function readFailure(error: unknown, directory: string, groupId = 0n): WalError {
  if (error instanceof WalError) return error;
  const codes = codesOf(error);
  const text = messageOf(error);
  if (codes.includes('LEVEL_LOCKED')) {
    return new LockedError(`another owner has the database in ${directory} open: ${text}`, error);
  }
  if (codes.includes('LEVEL_CORRUPTION')) {
    const details = { groupId, file: directory, verdict: 'database-corruption' };
    return new CorruptError(`the database in ${directory} reports damage: ${text}`, details, error);
  }
  if (codes.includes('LEVEL_IO_ERROR') && lacksDescriptor.test(text)) {
    return new TryAgainError(
      `${directory}: no file descriptor was free to read. Nothing was changed. Try the call again later: ${text}`,
      error,
    );
  }
  return new ReadFailedError(`${directory} could not be read: ${text}`, error);
}

/** The C library's text for EMFILE and ENFILE. Only opening a file fails with these. */
const lacksDescriptor = /: Too many open files(?: in system)?$/;

/**
 * LevelDB opens a new log file before it writes a batch to it. If that fails, nothing of the batch
 * was written. The same text about another file comes from a compaction, after which LevelDB
 * refuses every write until it is opened again.
 */
const lacksLogFile = /\d+\.log: Too many open files(?: in system)?$/;

/**
 * Translates a failed write. The content of the disk is unknown then, unless LevelDB found no file
 * descriptor for its next log file. A store that knows that nothing was written throws wal-core's
 * `NoSpaceError` itself.
 */
export function writeFailure(error: unknown, directory: string): WalError {
  if (error instanceof WalError) return error;
  const text = messageOf(error);
  if (codesOf(error).includes('LEVEL_IO_ERROR') && lacksLogFile.test(text)) {
    return new TryAgainError(
      `${directory}: no file descriptor was free to write. Nothing was written. Try the call again later: ${text}`,
      error,
    );
  }
  return new WriteFailedError(`${directory} could not be written: ${messageOf(error)}`, error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
