/** The identity record of a log: one value under its own key in the group of the log. */
import { CorruptError, UnknownVersionError } from '@babuza/wal-core';
import { bytesOnly, type LevelDatabase, type LevelOperation } from './database.ts';
import { describeKey, type GroupKeys } from './keys.ts';
import type { LogBatch } from './shared-database.ts';
import { DamagedValueError, decodeIdentity, encodeIdentity, identityVersion } from './values.ts';

/**
 * Reads the record, or returns `undefined` if there is none. Rejects with `WAL_CORRUPT` if it is
 * damaged and with `WAL_VERSION` if a newer release wrote it.
 */
export async function readIdentityRecord(
  database: LevelDatabase,
  { identity: key, groupId }: GroupKeys,
  directory: string,
): Promise<Uint8Array | undefined> {
  const value = await database.get(key, bytesOnly);
  if (value === undefined) return undefined;
  try {
    const { version, bytes } = decodeIdentity(key, value);
    if (version === identityVersion) return bytes;
    const known = 'use the release that wrote the identity record of this log';
    throw new UnknownVersionError(directory, version, known);
  } catch (error) {
    if (!(error instanceof DamagedValueError)) throw error;
    throw new CorruptError(
      `the identity record of group ${groupId} is damaged: ${describeKey(key)}: ${error.message}`,
      { groupId, file: directory, verdict: 'identity-record' },
      error,
    );
  }
}

/** The batch that replaces the record. */
export function identityBatch({ identity: key }: GroupKeys, bytes: Uint8Array): LogBatch {
  const value = encodeIdentity(key, bytes);
  const operations: LevelOperation[] = [{ type: 'put', key, value }];
  return { operations, bytes: key.length + value.length };
}
