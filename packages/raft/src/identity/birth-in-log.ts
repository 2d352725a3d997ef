/**
 * Finds the birth id that a log proves. No entry of a user is proposed before the birth id was
 * applied at the leader, and so committed. The first birth id in a log is therefore final if any
 * entry of a user follows it.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import type { EntryStorage } from '@babuza/wal-core';
import { decodeEnvelope, EnvelopeKind } from '../proposals/envelope.ts';
import type { IdentityHex } from './hex.ts';
import { decodeIdentityEntry } from './identity-entries.ts';

const pageBytes = 64 * 1024;

/** Reads from the beginning of the log up to the first entry of a user. */
export async function provenBirth(storage: EntryStorage): Promise<IdentityHex | undefined> {
  const first = storage.firstIndex();
  const end = storage.lastIndex() + 1;
  if (first >= end) return undefined;
  let birth: IdentityHex | undefined;
  for await (const entry of storage.iterate(first, end, { pageBytes })) {
    const own = ownEntry(entry);
    if (own === 'of a user') return birth;
    birth ??= own?.birth;
  }
  return undefined;
}

function ownEntry(entry: Entry): ReturnType<typeof decodeIdentityEntry> | 'of a user' | undefined {
  const { type, data, index } = entry;
  if (type !== EntryType.Normal) return 'of a user';
  if (data === undefined || data.length === 0) return undefined;
  try {
    const { kind, payload } = decodeEnvelope(data, index);
    return kind === EnvelopeKind.Identity ? decodeIdentityEntry(payload, index) : 'of a user';
  } catch {
    // An entry that cannot be read has no effect on any replica.
    return undefined;
  }
}
