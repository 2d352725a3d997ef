/**
 * The part of the replicated state that is the node's own: membership, sessions, the time of the log, and how far
 * all of it and the user's state were applied. It changes on the apply path only, and is a file of every snapshot.
 */
import type { ConfState } from '@babuza/raftpb';
import { RaftError } from './errors.ts';
import {
  firstMembersFromJson,
  firstMembersOf,
  firstMembersToJson,
  type FirstMember,
} from './first-members.ts';
import { noMembership, type Membership } from './membership.ts';
import { membershipFromJson, membershipToJson, parseJson } from './membership-codec.ts';
import type { SessionManager } from './ports/session-manager.ts';

/** The file of a snapshot with the node's own part. */
export const nodeFileName = 'node.json';
/** The main file of the user's state machine; a snapshot that a cluster begins with has none. */
export const stateFileName = 'state';

const formatVersion = 1;

export class ReplicatedState {
  readonly sessions: SessionManager;
  membership: Membership = noMembership;
  /** The members that the cluster began with; `undefined` where only older snapshots are known. */
  firstMembers: readonly FirstMember[] | undefined;
  /** What the core has of the membership, also while it is joint. */
  confState: ConfState | undefined;
  /** The time of the log: it never goes back. */
  timeMs = 0;
  appliedIndex = 0;
  appliedTerm = 0;

  constructor(sessions: SessionManager) {
    this.sessions = sessions;
  }

  /** The clock of a proposing node, as far as it goes forward. */
  advanceTime(proposedAtMs: number): number {
    this.timeMs = Math.max(this.timeMs, proposedAtMs);
    return this.timeMs;
  }

  encode(): Uint8Array {
    const { firstMembers: first } = this;
    const json = {
      version: formatVersion,
      timeMs: this.timeMs,
      ...Object(membershipToJson(this.membership)),
      sessions: Buffer.from(this.sessions.encode()).toString('base64'),
      // Versions that do not know this field pass over it.
      ...(first === undefined ? {} : { firstMembers: firstMembersToJson(first) }),
    };
    return new TextEncoder().encode(JSON.stringify(json));
  }

  /**
   * Takes over the part that lies in a snapshot of this place in the log.
   *
   * @throws RaftError (`RAFT_STATE_UNREADABLE`), or what the session manager says of its bytes.
   */
  restore(bytes: Uint8Array, at: { index: number; term: number; confState: ConfState }): void {
    const json = parseJson(bytes);
    const field = (name: string): unknown =>
      typeof json === 'object' && json !== null ? Reflect.get(json, name) : undefined;
    const version = field('version');
    const timeMs = field('timeMs');
    const sessions = field('sessions');
    if (
      version !== formatVersion ||
      !Number.isSafeInteger(timeMs) ||
      typeof sessions !== 'string'
    ) {
      throw new RaftError(
        'RAFT_STATE_UNREADABLE',
        `the node's part of snapshot ${at.index} is of version ${String(version)}, known is ${formatVersion}`,
      );
    }
    const membership = membershipFromJson(json);
    const first = firstMembersFromJson(field('firstMembers'));
    this.sessions.restore(new Uint8Array(Buffer.from(sessions, 'base64')));
    this.membership = membership;
    // The snapshot that a cluster began with has the first membership, also where an older version
    // wrote it.
    if (first === undefined && at.index === 1) this.firstMembers = firstMembersOf(membership);
    else this.firstMembers = first ?? this.firstMembers;
    this.timeMs = Number(timeMs);
    this.confState = at.confState;
    this.appliedIndex = at.index;
    this.appliedTerm = at.term;
  }
}
