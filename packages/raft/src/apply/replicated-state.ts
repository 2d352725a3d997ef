/**
 * The node's own part of the replicated state: membership, sessions, the log time, and the applied
 * index of all of it and of the user's state. It changes on the apply path only, and every snapshot
 * has it as a file.
 */
import type { ConfState } from '@babuza/raftpb';
import { RaftError } from '../errors.ts';
import {
  firstMembersFromJson,
  firstMembersOf,
  firstMembersToJson,
  type FirstMember,
} from '../start/first-members.ts';
import {
  fieldOf,
  identityFromJson,
  identityToJson,
  unknownIdentity,
  type ClusterIdentity,
} from '../identity/cluster-identity.ts';
import { logTimeAfter } from './log-time.ts';
import { noMembership, type Membership } from '../membership/membership.ts';
import { membershipFromJson, membershipToJson, parseJson } from '../membership/membership-codec.ts';
import type { SessionManager } from '../ports/session-manager.ts';

/** The file of a snapshot with the node's own part. */
export const nodeFileName = 'node.json';
/** The main file of the user's state machine; the snapshot that a cluster begins with has none. */
export const stateFileName = 'state';

const formatVersion = 1;

export class ReplicatedState {
  readonly sessions: SessionManager;
  membership: Membership = noMembership;
  /** The identity of the cluster at this point of its log. */
  identity: ClusterIdentity = unknownIdentity;
  /** The members that the cluster began with; `undefined` when only older snapshots are known. */
  firstMembers: readonly FirstMember[] | undefined;
  /** The core's configuration of the membership, which may be joint. */
  confState: ConfState | undefined;
  /** The log time. It never goes back. */
  timeMs = 0;
  appliedIndex = 0;
  appliedTerm = 0;

  constructor(sessions: SessionManager) {
    this.sessions = sessions;
  }

  /** The log time after an entry with this timestamp. */
  advanceTime(proposedAtMs: number): number {
    this.timeMs = logTimeAfter(this.timeMs, proposedAtMs);
    return this.timeMs;
  }

  encode(): Uint8Array {
    const { firstMembers: first } = this;
    const json = {
      version: formatVersion,
      timeMs: this.timeMs,
      ...Object(membershipToJson(this.membership)),
      ...(this.identity === unknownIdentity ? {} : { identity: identityToJson(this.identity) }),
      sessions: Buffer.from(this.sessions.encode()).toString('base64'),
      // Older versions ignore this field.
      ...(first === undefined ? {} : { firstMembers: firstMembersToJson(first) }),
    };
    return new TextEncoder().encode(JSON.stringify(json));
  }

  /**
   * Restores the node's own part of a snapshot with this index and term.
   *
   * @throws RaftError (`RAFT_STATE_UNREADABLE`), or an error of the session manager for its bytes.
   */
  restore(bytes: Uint8Array, at: { index: number; term: number; confState: ConfState }): void {
    const json = parseJson(bytes);
    const version = fieldOf(json, 'version');
    const timeMs = fieldOf(json, 'timeMs');
    const sessions = fieldOf(json, 'sessions');
    const identity = identityOf(json);
    if (
      version !== formatVersion ||
      !Number.isSafeInteger(timeMs) ||
      typeof sessions !== 'string' ||
      identity === undefined
    ) {
      throw new RaftError(
        'RAFT_STATE_UNREADABLE',
        `the node's part of snapshot ${at.index} has version ${String(version)} or cannot be read; this release knows version ${formatVersion}`,
      );
    }
    const membership = membershipFromJson(json);
    const first = firstMembersFromJson(fieldOf(json, 'firstMembers'));
    this.sessions.restore(new Uint8Array(Buffer.from(sessions, 'base64')));
    this.membership = membership;
    this.identity = identity;
    // The snapshot at index 1 has the first membership, even when an older version wrote it.
    if (first === undefined && at.index === 1) this.firstMembers = firstMembersOf(membership);
    else this.firstMembers = first ?? this.firstMembers;
    // Earlier releases accepted any timestamp as log time.
    this.timeMs = logTimeAfter(0, Number(timeMs));
    this.confState = at.confState;
    this.appliedIndex = at.index;
    this.appliedTerm = at.term;
  }
}

/** Snapshots that were written before clusters had identities have none. */
function identityOf(json: unknown): ClusterIdentity | undefined {
  const given = fieldOf(json, 'identity');
  return given === undefined ? unknownIdentity : identityFromJson(given);
}

/** The identity in the node's part of a snapshot. Throws `RAFT_STATE_UNREADABLE`. */
export function identityInNodePart(bytes: Uint8Array): ClusterIdentity {
  const identity = identityOf(parseJson(bytes));
  if (identity !== undefined) return identity;
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    'the identity of the cluster in a snapshot cannot be read',
  );
}
