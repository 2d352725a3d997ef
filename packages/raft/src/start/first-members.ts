/**
 * The members that a cluster began with. They are kept in the replicated state, so that a restart
 * can compare them with the peers that it is given. They never change. Snapshots of older versions
 * do not have them.
 */
import { RaftError } from '../errors.ts';
import { idFromText } from '../identity/id-text.ts';
import type { MemberRole, Membership } from '../membership/membership.ts';

export interface FirstMember {
  readonly id: bigint;
  readonly address: string;
  readonly role: MemberRole;
}

/** Ascending by id, as the members are. */
export function firstMembersOf({ members }: Membership): readonly FirstMember[] {
  return [...members.values()].map(({ id, address, role }) => ({ id, address, role }));
}

export function firstMembersToJson(first: readonly FirstMember[]): unknown {
  return first.map(({ id, address, role }) => ({ id: String(id), address, role }));
}

/**
 * `undefined` for a snapshot without them. Throws `RAFT_STATE_UNREADABLE` for anything else that
 * cannot be read.
 */
export function firstMembersFromJson(json: unknown): readonly FirstMember[] | undefined {
  if (json === undefined) return undefined;
  const members = Array.isArray(json) ? json.map(memberFrom) : [undefined];
  if (members.every((member) => member !== undefined)) return members;
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    'the first members in the replicated state cannot be read: expected a list of id, address and role',
  );
}

function memberFrom(json: unknown): FirstMember | undefined {
  const [text, address, role] = fieldsOf(json);
  const id = idFromText(text);
  if (id === undefined || typeof address !== 'string') return undefined;
  if (role !== 'voter' && role !== 'learner') return undefined;
  return { id, address, role };
}

/** Whether `given` is a list of the same members, in any order. */
export function sameFirstMembers(given: unknown, first: readonly FirstMember[]): boolean {
  return textOfPeers(given) === textOfPeers(first);
}

/**
 * A list of peers as text that does not depend on their order. A missing role counts as `voter`.
 */
export function textOfPeers(peers: unknown): string {
  if (!Array.isArray(peers)) return 'no list of members';
  const lines = peers.map((peer: unknown) => {
    const [id, address, role = 'voter'] = fieldsOf(peer);
    return `${String(id)} ${String(role)} at ${String(address)}`;
  });
  return lines.sort().join(', ');
}

function fieldsOf(value: unknown): readonly [id: unknown, address: unknown, role: unknown] {
  if (typeof value !== 'object' || value === null) return [undefined, undefined, undefined];
  return [Reflect.get(value, 'id'), Reflect.get(value, 'address'), Reflect.get(value, 'role')];
}
