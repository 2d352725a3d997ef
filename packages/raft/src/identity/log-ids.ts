/** Which log each member has, as JSON: ids of members are decimal strings. */
import { RaftError } from '../errors.ts';
import { isIdentityHex, type IdentityHex } from './hex.ts';

export type LogIds = ReadonlyMap<bigint, IdentityHex>;

/** The same map gives the same text on every replica. */
export function logIdsToJson(logIds: LogIds): Record<string, string> {
  return Object.fromEntries([...sortedLogIds(logIds)].map(([id, logId]) => [String(id), logId]));
}

/** @throws RaftError (`RAFT_STATE_UNREADABLE`) */
export function logIdsFromJson(json: unknown): LogIds {
  const logIds = new Map<bigint, IdentityHex>();
  for (const [id, logId] of Object.entries(json ?? {})) {
    if (!/^\d{1,20}$/.test(id) || !isIdentityHex(logId)) {
      throw new RaftError('RAFT_STATE_UNREADABLE', 'the log of a member cannot be read');
    }
    logIds.set(BigInt(id), logId);
  }
  return sortedLogIds(logIds);
}

export function sortedLogIds(logIds: LogIds): LogIds {
  return new Map([...logIds].sort(([one], [other]) => (one < other ? -1 : 1)));
}
