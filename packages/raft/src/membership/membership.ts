/**
 * The membership as replicated state: ids, addresses, roles, the services that members publish, and
 * the ids of removed members, which are never used again. It changes on the apply path only, in log
 * order, by operations in the context of Raft's membership changes. Every snapshot contains it.
 *
 * Everything here is a pure function of the state and the operations, so that every replica decides
 * alike: the leader checks a change before it proposes it, and all replicas check it again when
 * they apply it.
 *
 * Decisions: docs/decisions/0025-membership-is-replicated-state.md.
 */
import { ConfChangeType, type ConfChangeSingle, type ConfState } from '@babuza/raftpb';
import { RaftConfigError } from '../errors.ts';

export type MemberRole = 'voter' | 'learner';

export interface Member {
  readonly id: bigint;
  /** The address at which the other members reach its Raft transport. */
  readonly address: string;
  readonly role: MemberRole;
  /** The addresses at which it serves clients, by name of the service. */
  readonly services: Readonly<Record<string, string>>;
}

/** One change of the membership. */
export type MembershipOperation =
  /** Adds a member, or changes the role of one; `address` may be left out in the second case. */
  | {
      readonly op: 'set';
      readonly id: bigint;
      readonly role: MemberRole;
      readonly address?: string;
    }
  | { readonly op: 'remove'; readonly id: bigint }
  | { readonly op: 'address'; readonly id: bigint; readonly address: string }
  /** Publishes a service; without `address` it is withdrawn. */
  | {
      readonly op: 'service';
      readonly id: bigint;
      readonly name: string;
      readonly address?: string;
    };

export interface Membership {
  /** Ascending by id. */
  readonly members: ReadonlyMap<bigint, Member>;
  /** Ids of removed members. */
  readonly removed: ReadonlySet<bigint>;
  /**
   * The random id of the log of each member that has been seen. A member with another log has
   * forgotten its votes and its entries. Ascending by member id.
   */
  readonly logIds: ReadonlyMap<bigint, string>;
}

export const noMembership: Membership = {
  members: new Map(),
  removed: new Set(),
  logIds: new Map(),
};

/**
 * The membership that a cluster begins with. Throws `RAFT_CONFIG` when these peers cannot be one.
 */
export function firstMembership(
  peers: readonly {
    readonly id: bigint;
    readonly address: string;
    readonly role?: MemberRole | undefined;
  }[],
): Membership {
  const ids = new Set(peers.map(({ id }) => id));
  if (ids.size < peers.length) throw new RaftConfigError('a member is named twice among the peers');
  const membership = changedMembership(
    noMembership,
    peers.map(({ id, address, role = 'voter' }) => ({ op: 'set', id, role, address })),
  );
  if (typeof membership === 'string') throw new RaftConfigError(membership);
  return membership;
}

/** The membership after all of these operations, or the reason why they are refused. */
export function changedMembership(
  before: Membership,
  operations: readonly MembershipOperation[],
): Membership | string {
  const members = new Map(before.members);
  const removed = new Set(before.removed);
  for (const operation of operations) {
    const refusal = apply(members, removed, operation);
    if (refusal !== undefined) return refusal;
  }
  if (![...members.values()].some(({ role }) => role === 'voter')) return 'no voter would be left';
  const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
  const logIds = new Map([...before.logIds].filter(([id]) => members.has(id)));
  return { members: new Map(sorted), removed, logIds };
}

function apply(
  members: Map<bigint, Member>,
  removed: Set<bigint>,
  operation: MembershipOperation,
): string | undefined {
  const { id } = operation;
  const member = members.get(id);
  if (operation.op === 'set') {
    const address = operation.address ?? member?.address;
    if (id < 1n || id >= 2n ** 64n - 2n) return `${id} cannot be the id of a member`;
    if (removed.has(id)) return `member ${id} was removed; ids never return`;
    if (!roles.includes(operation.role)) {
      return `member ${id} needs a role, ${roles.join(' or ')}; got ${operation.role}`;
    }
    if (!isAddress(address)) return `member ${id} needs ${addressAllowed}`;
    const refusal = clash(members, id, address);
    if (refusal !== undefined) return refusal;
    members.set(id, { id, address, role: operation.role, services: member?.services ?? {} });
    return undefined;
  }
  if (member === undefined) return `${id} is not a member`;
  if (operation.op === 'remove') {
    members.delete(id);
    removed.add(id);
    return undefined;
  }
  const { address } = operation;
  if (operation.op === 'address') {
    if (!isAddress(address)) return `member ${id} needs ${addressAllowed}`;
    members.set(id, { ...member, address });
    return clash(members, id, address);
  }
  if (!serviceName.test(operation.name)) {
    return `a service needs a name that matches ${serviceName.source}; got '${operation.name}'`;
  }
  if (address !== undefined && !isAddress(address)) return `a service needs ${addressAllowed}`;
  const services: Record<string, string> = { ...member.services };
  delete services[operation.name];
  if (address !== undefined) services[operation.name] = address;
  members.set(id, { ...member, services });
  return undefined;
}

const roles: readonly string[] = ['voter', 'learner'] satisfies MemberRole[];
const serviceName = /^[A-Za-z0-9][\w.-]{0,63}$/;
const addressLengthMax = 1024;
const addressAllowed = `an address of 1 to ${addressLengthMax} characters`;

const isAddress = (address: string | undefined): address is string =>
  address !== undefined && address.length > 0 && address.length <= addressLengthMax;

function clash(
  members: ReadonlyMap<bigint, Member>,
  id: bigint,
  address: string,
): string | undefined {
  for (const other of members.values()) {
    if (other.id !== id && other.address === address) {
      return `member ${other.id} has the address ${address} already`;
    }
  }
  return undefined;
}

/** The operations as changes for the Raft core. */
export function coreChanges(operations: readonly MembershipOperation[]): ConfChangeSingle[] {
  return operations.map((operation): ConfChangeSingle => {
    const { id: nodeId } = operation;
    if (operation.op === 'remove') return { type: ConfChangeType.RemoveNode, nodeId };
    if (operation.op !== 'set') return { type: ConfChangeType.UpdateNode, nodeId };
    const isVoter = operation.role === 'voter';
    return { type: isVoter ? ConfChangeType.AddNode : ConfChangeType.AddLearnerNode, nodeId };
  });
}

/** The configuration of the core for a membership that is not joint. */
export function confStateOf({ members }: Membership): ConfState {
  const ids = (role: MemberRole): bigint[] =>
    [...members.values()].filter((member) => member.role === role).map(({ id }) => id);
  return {
    voters: ids('voter'),
    learners: ids('learner'),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}

/** Whether the core counts this id as a member, also while the membership is joint. */
export function isMember({ voters, votersOutgoing, learners }: ConfState, id: bigint): boolean {
  return voters.includes(id) || votersOutgoing.includes(id) || learners.includes(id);
}
