/**
 * Log entries about identities. The node itself proposes them, and every replica applies them
 * alike. The payload of their envelope is JSON with a version; ids are decimal strings.
 */
import { RaftError } from '../errors.ts';
import type { Membership } from '../membership/membership.ts';
import { parseJson } from '../membership/membership-codec.ts';
import {
  fieldOf,
  identityFromJson,
  identityToJson,
  type ClusterIdentity,
} from './cluster-identity.ts';
import { isIdentityHex, type IdentityHex } from './hex.ts';
import { logIdsFromJson, logIdsToJson, sortedLogIds, type LogIds } from './log-ids.ts';

export interface IdentityEntry {
  /** Fixes the birth id of the cluster, unless it is fixed already. */
  readonly birth?: IdentityHex | undefined;
  /** Begins a new identity, whatever the identity was before. */
  readonly renewed?: ClusterIdentity | undefined;
  /** Binds members to the logs that they have, unless they are bound already. */
  readonly logIds?: LogIds | undefined;
}

const formatVersion = 1;

export function encodeIdentityEntry({ birth, renewed, logIds }: IdentityEntry): Uint8Array {
  const json = {
    version: formatVersion,
    ...(birth === undefined ? {} : { birth }),
    ...(renewed === undefined ? {} : { renewed: identityToJson(renewed) }),
    ...(logIds === undefined ? {} : { logIds: logIdsToJson(logIds) }),
  };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** @throws RaftError (`RAFT_STATE_UNREADABLE`): a replica must never guess. */
export function decodeIdentityEntry(bytes: Uint8Array, index: number): IdentityEntry {
  const json = parseJson(bytes);
  const birth = fieldOf(json, 'birth');
  const given = fieldOf(json, 'renewed');
  const renewed = given === undefined ? undefined : identityFromJson(given);
  const isFine =
    fieldOf(json, 'version') === formatVersion &&
    (birth === undefined || isIdentityHex(birth)) &&
    (given === undefined || renewed !== undefined);
  if (!isFine) {
    throw new RaftError(
      'RAFT_STATE_UNREADABLE',
      `entry ${index} concerns identities and cannot be read; this release knows version ${formatVersion}`,
    );
  }
  return { birth, renewed, logIds: logIdsFromJson(fieldOf(json, 'logIds')) };
}

/** The identity after this entry. */
export function identityAfter(before: ClusterIdentity, entry: IdentityEntry): ClusterIdentity {
  if (entry.renewed !== undefined) return entry.renewed;
  if (entry.birth === undefined || before.birth !== undefined) return before;
  return { ...before, birth: entry.birth };
}

/** The membership after this entry: a member that is bound to a log stays bound to it. */
export function boundMembership(
  before: Membership,
  { logIds, renewed }: IdentityEntry,
): Membership {
  if (logIds === undefined && renewed === undefined) return before;
  // A new identity has one member, whose log may differ from before.
  const bound = new Map(renewed === undefined ? before.logIds : []);
  for (const [id, logId] of logIds ?? []) {
    if (before.members.has(id) && !bound.has(id)) bound.set(id, logId);
  }
  return { ...before, logIds: sortedLogIds(bound) };
}
