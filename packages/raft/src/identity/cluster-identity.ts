/**
 * The identity of a cluster: what tells it from every other one, also from one that was born from
 * the same list of members.
 *
 * - The *origin* is derived from what the first members were started with, so that each of them
 *   knows it before it has spoken to another one.
 * - The *birth id* is random. The first leader proposes it, and the first one that is committed
 *   counts for ever. No entry of a user is proposed before it was applied.
 *
 * A *log id* is random too: it names one log of one member, from its creation until it is lost.
 *
 * Decision: docs/decisions/0013-identities.md.
 */
import { createHash } from 'node:crypto';
import type { Membership } from '../membership/membership.ts';
import { membershipToJson } from '../membership/membership-codec.ts';
import { identityBytes, isIdentityHex, type IdentityHex } from './hex.ts';

/** The identity of a cluster, as far as it is known at some moment. */
export interface ClusterIdentity {
  /** Absent at a member that joins, until a leader has told it. */
  readonly origin: IdentityHex | undefined;
  /** Absent until the first leader has fixed it through a quorum. */
  readonly birth: IdentityHex | undefined;
  /**
   * The identities that this cluster goes on from, the oldest first: a recovery by one survivor and
   * a restore from an export each begin a new one.
   */
  readonly previous: readonly FormerIdentity[];
}

export interface FormerIdentity {
  readonly origin: IdentityHex | undefined;
  readonly birth: IdentityHex | undefined;
}

export const unknownIdentity: ClusterIdentity = {
  origin: undefined,
  birth: undefined,
  previous: [],
};

/** Only the newest ones are kept: each is a file's worth of JSON in every snapshot. */
const previousMax = 64;

/** The options of the first members of a cluster, which must be the same on each. */
export interface Beginnings {
  readonly clusterId: bigint;
  readonly groupId: bigint;
  readonly membership: Membership;
  /** The user's own mark, `BootstrapOptions.clusterToken`. */
  readonly token: string | undefined;
  /** The id of the exported snapshot that the cluster begins with. */
  readonly exportId: string | undefined;
}

/** The same on every first member that was started with the same. */
export function originOf(beginnings: Beginnings): IdentityHex {
  const { clusterId, groupId, membership, token, exportId } = beginnings;
  return digest('begin', {
    clusterId: String(clusterId),
    groupId: String(groupId),
    membership: membershipToJson(membership),
    token: token ?? null,
    exportId: exportId ?? null,
  });
}

/**
 * The origin of a cluster whose logs were written before there were identities: the members have
 * nothing in common but the number that the user chose.
 */
export function adoptedOriginOf(
  clusterId: bigint,
  groupId: bigint,
  token: string | undefined,
): IdentityHex {
  return digest('adopt', {
    clusterId: String(clusterId),
    groupId: String(groupId),
    token: token ?? null,
  });
}

/** The identity that a recovery begins. It remembers the one before. */
export function renewedIdentity(before: ClusterIdentity, birth: IdentityHex): ClusterIdentity {
  const { origin } = before;
  return {
    origin: digest('renew', { origin: origin ?? null, birth }),
    birth,
    previous: withFormer(before),
  };
}

/** The identity that a restored cluster begins with: its birth is still to be fixed. */
export function restoredIdentity(exported: ClusterIdentity, origin: IdentityHex): ClusterIdentity {
  return { origin, birth: undefined, previous: withFormer(exported) };
}

/**
 * Whether `one` is what the cluster of `other` was before a recovery or a restore. A part that
 * `one` does not tell fits all.
 */
export function isBefore(one: ClusterIdentity, other: ClusterIdentity): boolean {
  if (one.origin === undefined && one.birth === undefined) return false;
  // The oldest ones were dropped: only the count is left to tell.
  const isCut = other.previous.length >= previousMax;
  if (isCut && one.previous.length < previousMax) return true;
  return other.previous.some(
    ({ origin, birth }) =>
      (one.origin === undefined || one.origin === origin) &&
      (one.birth === undefined || one.birth === birth),
  );
}

function withFormer({ origin, birth, previous }: ClusterIdentity): readonly FormerIdentity[] {
  if (origin === undefined && birth === undefined) return previous;
  return [...previous, { origin, birth }].slice(-previousMax);
}

function digest(purpose: string, content: unknown): IdentityHex {
  const hash = createHash('sha256').update(`babuza identity 1 ${purpose}\n`);
  return hash
    .update(JSON.stringify(content))
    .digest('hex')
    .slice(0, 2 * identityBytes);
}

/** For JSON; fields that are unknown are left out. */
export function identityToJson({ origin, birth, previous }: ClusterIdentity): object {
  return {
    ...(origin === undefined ? {} : { origin }),
    ...(birth === undefined ? {} : { birth }),
    ...(previous.length === 0 ? {} : { previous }),
  };
}

/** `undefined` for what `identityToJson` does not give. */
export function identityFromJson(json: unknown): ClusterIdentity | undefined {
  const former = formerFromJson(json);
  if (former === undefined) return undefined;
  const given = fieldOf(json, 'previous') ?? [];
  if (!Array.isArray(given) || given.length > previousMax) return undefined;
  const previous = given.map(formerFromJson);
  return previous.every((each) => each !== undefined) ? { ...former, previous } : undefined;
}

function formerFromJson(json: unknown): FormerIdentity | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const origin = fieldOf(json, 'origin');
  const birth = fieldOf(json, 'birth');
  if (origin !== undefined && !isIdentityHex(origin)) return undefined;
  if (birth !== undefined && !isIdentityHex(birth)) return undefined;
  return { origin, birth };
}

export function fieldOf(json: unknown, name: string): unknown {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, name)
    ? Reflect.get(json, name)
    : undefined;
}
