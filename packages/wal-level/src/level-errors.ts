/**
 * What a failure of the database means to a log: by `code`, along the causes. The text decides only where LevelDB
 * could not open a file, because it has no code for that.
 */
import {
  CorruptError,
  LockedError,
  ReadFailedError,
  TryAgainError,
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
  if (codes.includes('LEVEL_IO_ERROR') && lacksDescriptor.test(text)) {
    return new TryAgainError(
      `nothing was read, and the same call may succeed later: ${text}`,
      error,
    );
  }
  return new ReadFailedError(`${directory} could not be read: ${text}`, error);
}

/** What the C library says of EMFILE and ENFILE. Only the opening of a file fails with them. */
const lacksDescriptor = /: Too many open files(?: in system)?$/;

/**
 * LevelDB begins a new log file before it writes a batch, and nothing of the batch is written when that file
 * cannot be opened. The same text about another file is of a compaction, after which LevelDB refuses every write
 * until it is opened again.
 */
const lacksLogFile = /\d+\.log: Too many open files(?: in system)?$/;

/**
 * While writing: what is on disk is not known, unless LevelDB found no descriptor for its next log file. A store
 * that knows that nothing was written throws wal-core's `NoSpaceError` itself.
 */
export function writeFailure(error: unknown, directory: string): WalError {
  if (error instanceof WalError) return error;
  const text = messageOf(error);
  if (codesOf(error).includes('LEVEL_IO_ERROR') && lacksLogFile.test(text)) {
    return new TryAgainError(
      `nothing was written, and the same call may succeed later: ${text}`,
      error,
    );
  }
  return new WriteFailedError(`${directory} could not be written: ${messageOf(error)}`, error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
