/** Sample data of the suite, and texts that represent entries in comparisons. */
import type { ConfState, Entry, EntryType, SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal } from '../wal-manager.ts';
import { failureOf } from './failures.ts';

/**
 * Returns a payload that differs for every index and term, so that swapped entries are always
 * noticed.
 */
export function payload(index: number, term: number, bytes = 24): Uint8Array {
  const data = new Uint8Array(bytes);
  let state =
    Math.imul(index % 0x1_0000_0000, 0x9e37_79b1) ^ Math.imul(term % 0x1_0000_0000, 0x85eb_ca6b);
  for (let at = 0; at < bytes; at += 1) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + at;
    data[at] = state >>> 24;
  }
  return data;
}

export function entry(index: number, term: number, bytes = 24, type: EntryType = 0): Entry {
  return { index, term, type, data: payload(index, term, bytes) };
}

/** Returns the entries from `first` to `last`, both included. */
export function entries(first: number, last: number, term: number, bytes = 24): Entry[] {
  const result: Entry[] = [];
  for (let index = first; index <= last; index += 1) result.push(entry(index, term, bytes));
  return result;
}

export function confState(...voters: readonly bigint[]): ConfState {
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

export function marker(
  index: number,
  term: number,
  ...voters: readonly bigint[]
): SnapshotMetadata {
  return { index, term, confState: confState(...(voters.length > 0 ? voters : [1n, 2n, 3n])) };
}

/** Returns a line of text that is equal for equal entries only. Absent and empty data differ. */
export function entryText({ index, term, type, data }: Entry): string {
  const head = `${index} term ${term} type ${type}`;
  if (data === undefined) return `${head} without data`;
  const shown = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, 8)).toString('hex');
  return `${head} ${data.length} bytes ${shown} ${checksum(data)}`;
}

export function texts(list: readonly Entry[]): string[] {
  return list.map(entryText);
}

export function markerText({ index, term, confState: members }: SnapshotMetadata): string {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = members;
  const lists = [voters, learners, votersOutgoing, learnersNext].map((ids) => ids.join(','));
  return `${index} term ${term} members ${lists.join(' / ')}${autoLeave ? ' autoLeave' : ''}`;
}

/** Returns everything that can be read from a log, as text. */
export function contentOf({ storage }: Pick<OpenedWal, 'storage'>): Record<string, unknown> {
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  const { hardState, confState: members } = storage.initialState();
  const terms: number[] = [];
  for (let index = first - 1; index <= last; index += 1) terms.push(storage.term(index));
  let snapshot = '';
  const none = failureOf(() => {
    snapshot = markerText(storage.snapshot().metadata);
  });
  return {
    first,
    last,
    terms,
    entries: texts(storage.entries(first, last + 1, Infinity)),
    hardState: `term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`,
    members: members.voters.join(','),
    snapshot: none ?? snapshot,
  };
}

/** The 32-bit FNV-1a hash. */
function checksum(data: Uint8Array): string {
  let hash = 0x811c_9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return (hash >>> 0).toString(16);
}
