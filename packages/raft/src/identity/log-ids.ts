/** Encodes the log ids of the members as JSON; ids of members are decimal strings. */
import { RaftError } from '../errors.ts';
import { isIdentityHex, type IdentityHex } from './hex.ts';
import { idFromText } from './id-text.ts';

export type LogIds = ReadonlyMap<bigint, IdentityHex>;

/** The same map gives the same text on every replica. */
export function logIdsToJson(logIds: LogIds): Record<string, string> {
  return Object.fromEntries([...sortedLogIds(logIds)].map(([id, logId]) => [String(id), logId]));
}

/** @throws RaftError (`RAFT_STATE_UNREADABLE`) */
export function logIdsFromJson(json: unknown): LogIds {
  const logIds = new Map<bigint, IdentityHex>();
  for (const [text, logId] of Object.entries(json ?? {})) {
    const id = idFromText(text);
    if (id === undefined || !isIdentityHex(logId)) {
      throw new RaftError('RAFT_STATE_UNREADABLE', 'the log of a member cannot be read');
    }
    logIds.set(id, logId);
  }
  return sortedLogIds(logIds);
}

export function sortedLogIds(logIds: LogIds): LogIds {
  return new Map([...logIds].sort(([one], [other]) => (one < other ? -1 : 1)));
}
