/**
 * The identity record: facts that a node must not forget although they are not part of the
 * replicated state. It is JSON, in a file with a checksum beside the log that is replaced as a
 * whole (`WalManager.writeIdentity`).
 */
import { RaftError } from '../errors.ts';
import { parseJson } from '../membership/membership-codec.ts';
import {
  fieldOf,
  identityFromJson,
  identityToJson,
  type ClusterIdentity,
} from './cluster-identity.ts';
import { isIdentityHex, type IdentityHex } from './hex.ts';
import { idFromText } from './id-text.ts';

/** A node remembers this of each other member, to detect a wiped or copied disk. */
export interface KnownMember {
  /** The log that the member was first seen with. */
  readonly logId: IdentityHex;
  /** How often the member had started on that log, as far as this node knows. */
  readonly startCount: number;
  /** A random number of that start. */
  readonly run: number;
  /** The member has acknowledged committed entries up to this index. */
  readonly durableIndex: number;
}

export interface IdentityRecord {
  readonly logId: IdentityHex;
  /** The identity of the cluster as the node knows it from its start, a leader, or the log. */
  readonly cluster: ClusterIdentity;
  /** How often a node has started on this log. */
  readonly startCount: number;
  /** The log was durable and committed up to this index when the record was written. */
  readonly committedIndex: number;
  readonly members: ReadonlyMap<bigint, KnownMember>;
  /**
   * An entry that the log had when the record was made. Only for a log without an identity of its
   * own.
   */
  readonly boundTo?: EntryMark | undefined;
}

/** Identifies an entry by its content as well. */
export interface EntryMark {
  readonly index: number;
  readonly term: number;
  /** CRC-32 of type and data. */
  readonly checksum: number;
}

const formatVersion = 1;

export function encodeIdentityRecord(record: IdentityRecord): Uint8Array {
  const { logId, cluster, startCount, committedIndex, members, boundTo } = record;
  const json = {
    version: formatVersion,
    logId,
    cluster: identityToJson(cluster),
    startCount,
    committedIndex,
    members: [...members].map(([id, member]) => ({ id: String(id), ...member })),
    ...(boundTo === undefined ? {} : { boundTo }),
  };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** @throws RaftError (`RAFT_STATE_UNREADABLE`) for bytes that no known release has written. */
export function decodeIdentityRecord(bytes: Uint8Array): IdentityRecord {
  const json = parseJson(bytes);
  const version = fieldOf(json, 'version');
  if (version !== formatVersion) throw unreadable(`its version is ${String(version)}`);
  const logId = fieldOf(json, 'logId');
  const cluster = identityFromJson(fieldOf(json, 'cluster'));
  const given = fieldOf(json, 'members');
  if (!isIdentityHex(logId) || cluster === undefined || !Array.isArray(given)) {
    throw unreadable('it names no log, no cluster or no members');
  }
  const members = new Map(given.map(memberFromJson));
  const mark = fieldOf(json, 'boundTo');
  const boundTo = mark === undefined ? {} : { boundTo: markFromJson(mark) };
  const startCount = countAt(json, 'startCount');
  const committedIndex = countAt(json, 'committedIndex');
  return { logId, cluster, startCount, committedIndex, members, ...boundTo };
}

function memberFromJson(json: unknown): [bigint, KnownMember] {
  const id = idFromText(fieldOf(json, 'id'));
  const logId = fieldOf(json, 'logId');
  if (id === undefined || !isIdentityHex(logId)) {
    throw unreadable('a member has no id or no log');
  }
  const startCount = countAt(json, 'startCount');
  const run = countAt(json, 'run');
  const durableIndex = countAt(json, 'durableIndex');
  return [id, { logId, startCount, run, durableIndex }];
}

function markFromJson(json: unknown): EntryMark {
  return {
    index: countAt(json, 'index'),
    term: countAt(json, 'term'),
    checksum: countAt(json, 'checksum'),
  };
}

function countAt(json: unknown, name: string): number {
  const value = fieldOf(json, name);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw unreadable(`${name} is ${String(value)}, expected an integer from 0`);
}

function unreadable(what: string): RaftError {
  return new RaftError(
    'RAFT_STATE_UNREADABLE',
    `the identity record beside the log cannot be read: ${what}; this release knows version ${formatVersion}`,
  );
}
