/**
 * The identity of a cluster, which distinguishes it from every other one, even from one that was
 * started with the same list of members.
 *
 * - The *origin* is derived from the options of the first members, so that each of them knows it
 *   before it has talked to another one.
 * - The *birth id* is random. The first leader proposes it, and the first one that is committed is
 *   final. No entry of a user is proposed before it is applied.
 *
 * A *log id* is random too: it names one log of one member, from its creation until it is lost.
 *
 * Decision: docs/decisions/0013-identities.md.
 */
import { createHash } from 'node:crypto';
import type { Membership } from '../membership/membership.ts';
import { membershipToJson } from '../membership/membership-codec.ts';
import { identityBytes, isIdentityHex, type IdentityHex } from './hex.ts';

/** The identity of a cluster, as far as a node knows it. */
export interface ClusterIdentity {
  /** Absent at a joining member, until a leader has told it. */
  readonly origin: IdentityHex | undefined;
  /** Absent until the first leader has fixed it through a quorum. */
  readonly birth: IdentityHex | undefined;
  /**
   * Earlier identities of this cluster, the oldest first. A recovery by one survivor and a restore
   * from an export each begin a new one.
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

/** Only the newest are kept, because every snapshot contains them. */
const previousMax = 64;

/** The options of the first members of a cluster, which must be the same on each. */
export interface Beginnings {
  readonly clusterId: bigint;
  readonly groupId: bigint;
  readonly membership: Membership;
  /** The user's `BootstrapOptions.clusterToken`. */
  readonly token: string | undefined;
  /** The id of the exported snapshot that the cluster begins with. */
  readonly exportId: string | undefined;
}

/** The origin. It is the same on every first member that was started with the same options. */
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
 * The origin of a cluster whose logs were written before clusters had identities. Its members share
 * nothing but the ids and the token that the user chose.
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

/** The identity that a restored cluster begins with; its birth id is not fixed yet. */
export function restoredIdentity(exported: ClusterIdentity, origin: IdentityHex): ClusterIdentity {
  return { origin, birth: undefined, previous: withFormer(exported) };
}

/**
 * Whether `one` is an earlier identity of the cluster of `other`, from before a recovery or a
 * restore. An unknown part of `one` matches everything.
 */
export function isBefore(one: ClusterIdentity, other: ClusterIdentity): boolean {
  if (one.origin === undefined && one.birth === undefined) return false;
  // The oldest identities were dropped, so only their number can tell.
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

/** Encodes an identity for JSON; unknown fields are left out. */
export function identityToJson({ origin, birth, previous }: ClusterIdentity): object {
  return {
    ...(origin === undefined ? {} : { origin }),
    ...(birth === undefined ? {} : { birth }),
    ...(previous.length === 0 ? {} : { previous }),
  };
}

/** Returns `undefined` for anything that `identityToJson` does not return. */
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
