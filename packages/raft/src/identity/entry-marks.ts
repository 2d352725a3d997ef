/**
 * Marks of entries, and the comparison of two logs by them. In one cluster an index and a term
 * identify one entry (the Log Matching Property, Raft paper, section 5.3), and a committed index
 * has one term (Leader Completeness, section 5.4.3). When two logs contradict that, they belong to
 * two clusters, or one of them has lost what it had acknowledged.
 */
import { crc32 } from 'node:zlib';
import type { Entry } from '@babuza/raftpb';
import type { Storage } from '@babuza/wal-core/storage';
import type { EntryMark } from './identity-record.ts';
import type { Introduction } from './introduction.ts';

type Log = Pick<Storage, 'entries' | 'term' | 'firstIndex' | 'lastIndex'>;

const noBytes = new Uint8Array(0);

/**
 * The mark of the entry at an index; `undefined` when the log does not have it, or cannot read it
 * now.
 */
export function markAt(log: Log, index: number): EntryMark | undefined {
  if (index < log.firstIndex() || index > log.lastIndex()) return undefined;
  try {
    const [entry] = log.entries(index, index + 1, 0);
    return entry === undefined ? undefined : markOf(entry);
  } catch {
    // The log reports damage itself when the entry is needed.
    return undefined;
  }
}

function markOf({ index, term, type, data = noBytes }: Entry): EntryMark {
  return { index, term, checksum: crc32(data, type) };
}

/** Marks of the last entry, the newest committed one, and the first one that the log still has. */
export function marksOf(log: Log, commitIndex: number): EntryMark[] {
  const indexes = new Set([log.lastIndex(), commitIndex, log.firstIndex()]);
  const marks = [...indexes].map((index) => markAt(log, index));
  return marks.filter((mark) => mark !== undefined);
}

/** How the log of a member contradicts this one; `undefined` when it does not. */
export function contradiction(
  log: Log,
  commitIndex: number,
  theirs: Pick<Introduction, 'commitIndex' | 'marks'>,
): string | undefined {
  const bothCommitted = Math.min(commitIndex, theirs.commitIndex);
  for (const { index, term, checksum } of theirs.marks) {
    const own = markAt(log, index);
    if (own === undefined) continue;
    if (own.term === term && own.checksum !== checksum) {
      return `entry ${index} of term ${term} has another content there than here`;
    }
    if (own.term !== term && index <= bothCommitted) {
      return `entry ${index} is committed with term ${term} there and with term ${own.term} here`;
    }
  }
  return undefined;
}
