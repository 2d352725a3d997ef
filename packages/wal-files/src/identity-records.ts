/**
 * The identity records of logs in segment files: one file beside the log of each group. Reads and
 * writes of one group take turns, so that a read never meets a rename, and a later write is never
 * overtaken.
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
import type { LogPlace } from './log-files.ts';

/** The name of the record in the directory of a log. */
export const identityFileName = 'IDENTITY';

const identityFileNames: ReadonlySet<string> = new Set([
  identityFileName,
  temporaryRecordName(identityFileName),
]);

export class IdentityRecords {
  readonly #fileSystem: GuardedFileSystem;
  /** The end of the last call of each group; it never rejects. */
  readonly #turns = new Map<bigint, Promise<unknown>>();

  constructor(fileSystem: GuardedFileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** The record, or `undefined` where there is none. Throws errors of wal-core. */
  read({ groupId, directory }: LogPlace): Promise<Uint8Array | undefined> {
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
   * Replaces the record; `mayWrite` throws where that is not allowed any more when its turn comes.
   */
  write({ groupId, directory }: LogPlace, bytes: Uint8Array, mayWrite: () => void): Promise<void> {
    return this.#inTurn(groupId, () => {
      mayWrite();
      return translating(writeFailure, () =>
        // A sync of the directory that failed before says nothing of this record.
        writeRecord(this.#fileSystem.fromNow(), directory, identityFileName, bytes),
      );
    });
  }

  /** Resolves when no call is under way. */
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
 * Throws `WAL_FOREIGN` where the name says that a log was in this directory: its own files are
 * gone.
 */
export function refuseLostLog(directory: string, name: string): void {
  if (!identityFileNames.has(name)) return;
  throw new ForeignFileError(
    `${directory}/${name}`,
    'this is the identity record of a log, and the files of the log are not here: the log is lost, or its volume is not mounted. Bring the files back, or, to begin a new log on purpose, move this file away',
  );
}

/** Nothing of the log itself was touched, so no failure of these writes poisons it. */
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
