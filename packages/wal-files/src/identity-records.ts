/**
 * The identity records of logs in segment files: one file beside the log of each group. Reads and
 * writes for one group run one after the other, so that a read never overlaps a rename and writes
 * take effect in the order of their calls.
 */
import {
  FileError,
  readRecord,
  temporaryRecordName,
  writeRecord,
  type GuardedFileSystem,
} from '@babuza/vfs';
import {
  CorruptError,
  ForeignFileError,
  IdentityWriteError,
  NoSpaceError,
  PermissionError,
  TryAgainError,
  UnknownVersionError,
  WalError,
} from '@babuza/wal-core';
import { lockFailure, readFailure, translating } from './disk-errors.ts';
import type { LogLocation } from './log-files.ts';

/** The name of the record in the directory of a log. */
export const identityFileName = 'IDENTITY';

const identityFileNames: ReadonlySet<string> = new Set([
  identityFileName,
  temporaryRecordName(identityFileName),
]);

export class IdentityRecords {
  readonly #fileSystem: GuardedFileSystem;
  /** For each group, a promise for the end of the last call. It never rejects. */
  readonly #turns = new Map<bigint, Promise<unknown>>();

  constructor(fileSystem: GuardedFileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** The record, or `undefined` if it does not exist. Throws errors of wal-core. */
  read({ groupId, directory }: LogLocation): Promise<Uint8Array | undefined> {
    return this.#inTurn(groupId, async () => {
      const file = `${directory}/${identityFileName}`;
      const record = await translating(readFailure, () =>
        readRecord(this.#fileSystem, directory, identityFileName),
      );
      if (record.kind === 'whole') return record.bytes;
      if (record.kind === 'absent') return undefined;
      if (record.kind === 'newer') {
        const known = 'use the release that wrote this identity record';
        throw new UnknownVersionError(file, record.version, known);
      }
      const details = { groupId, file, verdict: 'identity-record' };
      throw new CorruptError(`the identity record is damaged: ${record.why}`, details);
    });
  }

  /**
   * Replaces the record. `mayWrite` is called just before the write and throws if it is no longer
   * allowed.
   */
  write(
    { groupId, directory }: LogLocation,
    bytes: Uint8Array,
    mayWrite: () => void,
  ): Promise<void> {
    return this.#inTurn(groupId, () => {
      mayWrite();
      return translating(writeFailure, () =>
        // An earlier failed sync of the directory does not concern this record.
        writeRecord(this.#fileSystem.fromNow(), directory, identityFileName, bytes),
      );
    });
  }

  /** Resolves when all calls have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#turns.values());
  }

  #inTurn<Result>(groupId: bigint, work: () => Promise<Result>): Promise<Result> {
    const result = (this.#turns.get(groupId) ?? Promise.resolve()).then(work);
    this.#turns.set(
      groupId,
      result.catch(() => undefined),
    );
    return result;
  }
}

/**
 * Throws `WAL_FOREIGN` if the name is that of an identity record: then the directory had a log
 * whose files are gone.
 */
export function refuseLostLog(directory: string, name: string): void {
  if (!identityFileNames.has(name)) return;
  throw new ForeignFileError(
    `${directory}/${name}`,
    'this is the identity record of a log, and the files of the log are not here: the log is lost, or its volume is not mounted. Bring the files back, or, to begin a new log on purpose, move this file away',
  );
}

/**
 * Translates a failure to write the record. The log itself was not touched, so no such failure
 * poisons it.
 */
function writeFailure(cause: unknown): WalError {
  if (cause instanceof WalError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof FileError) {
    if (cause.kind === 'no-space') {
      return new NoSpaceError(`no space for the identity record: ${message}`, cause);
    }
    const lost = lockFailure(cause);
    if (lost !== undefined) return lost;
    if (cause.kind === 'permission' || cause.kind === 'access-denied') {
      return new PermissionError(message, cause);
    }
    if (cause.isTransient) {
      return new TryAgainError(
        `the identity record was not replaced: ${message}; the log is unchanged, write the record again`,
        cause,
      );
    }
  }
  return new IdentityWriteError(
    `the identity record was not replaced, or not durably: ${message}; the log is unchanged, write the record again`,
    cause,
  );
}
