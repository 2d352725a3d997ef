/**
 * Who belongs to the cluster, as replicated state: ids, addresses, roles, the services that members publish, and
 * the ids of those who were removed, which never return. It changes on the apply path only, in log order, by
 * operations that travel in the context of Raft's membership changes; and it lies in every snapshot.
 *
 * Everything here is a pure function of the state and the operations, so that every replica decides alike: the
 * leader asks before it proposes, and all ask again when they apply.
 *
 * Decisions: the project's contract, 21 and 22.
 */
import { ConfChangeType, type ConfChangeSingle, type ConfState } from '@babuza/raftpb';
import { RaftConfigError, RaftError } from './errors.ts';

export type MemberRole = 'voter' | 'learner';

export interface Member {
  readonly id: bigint;
  /** Where the others reach its Raft transport. */
  readonly address: string;
  readonly role: MemberRole;
  /** What it serves to clients: addresses by name. */
  readonly services: Readonly<Record<string, string>>;
}

/** One change of the membership. */
export type MembershipOperation =
  /** A new member, or another role for one that is there; the address may be left out then. */
  | {
      readonly op: 'set';
      readonly id: bigint;
      readonly role: MemberRole;
      readonly address?: string;
    }
  | { readonly op: 'remove'; readonly id: bigint }
  | { readonly op: 'address'; readonly id: bigint; readonly address: string }
  /** Without `address` the service is not published any more. */
  | {
      readonly op: 'service';
      readonly id: bigint;
      readonly name: string;
      readonly address?: string;
    };

export interface Membership {
  /** Ascending by id. */
  readonly members: ReadonlyMap<bigint, Member>;
  /** Ids that were removed. */
  readonly removed: ReadonlySet<bigint>;
}

export const noMembership: Membership = { members: new Map(), removed: new Set() };

/** The membership that a cluster begins with. Throws `RAFT_CONFIG` where it cannot be one. */
export function firstMembership(
  peers: readonly { readonly id: bigint; readonly address: string; readonly role?: MemberRole }[],
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

/** The membership after these operations, all of them or none; or why they are refused. */
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
  return { members: new Map(sorted), removed };
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
    if (address === undefined || address === '') return `member ${id} needs an address`;
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
    if (address === undefined || address === '') return `member ${id} needs an address`;
    const refusal = clash(members, id, address);
    members.set(id, { ...member, address });
    return refusal;
  }
  const services: Record<string, string> = { ...member.services };
  delete services[operation.name];
  if (address !== undefined) services[operation.name] = address;
  members.set(id, { ...member, services });
  return undefined;
}

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

/** What the Raft core is told of the operations. */
export function coreChanges(operations: readonly MembershipOperation[]): ConfChangeSingle[] {
  return operations.map((operation): ConfChangeSingle => {
    const { id: nodeId } = operation;
    if (operation.op === 'remove') return { type: ConfChangeType.RemoveNode, nodeId };
    if (operation.op !== 'set') return { type: ConfChangeType.UpdateNode, nodeId };
    const isVoter = operation.role === 'voter';
    return { type: isVoter ? ConfChangeType.AddNode : ConfChangeType.AddLearnerNode, nodeId };
  });
}

/** The state of the core that goes with a membership that is not joint. */
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

/** Ids are written as decimal strings; the same membership has the same text on every replica. */
export function membershipToJson({ members, removed }: Membership): unknown {
  return {
    members: [...members.values()].map(({ id, address, role, services }) => ({
      id: String(id),
      address,
      role,
      services: Object.fromEntries(Object.entries(services).sort(([a], [b]) => (a < b ? -1 : 1))),
    })),
    removed: [...removed].sort((a, b) => (a < b ? -1 : 1)).map(String),
  };
}

/** Throws `RAFT_STATE_UNREADABLE` for anything that `membershipToJson` does not give. */
export function membershipFromJson(json: unknown): Membership {
  const members = arrayAt(json, 'members').map((item): [bigint, Member] => {
    const id = idAt(item, 'id');
    const role = textAt(item, 'role');
    if (role !== 'voter' && role !== 'learner') throw unreadable(`role ${role}`);
    const services: Record<string, string> = {};
    const given = fieldOf(item, 'services');
    if (typeof given !== 'object' || given === null) throw unreadable('services');
    for (const name of Object.keys(given)) services[name] = textAt(given, name);
    return [id, { id, address: textAt(item, 'address'), role, services }];
  });
  const removed = arrayAt(json, 'removed').map((id) => idOf(id));
  return { members: new Map(members), removed: new Set(removed) };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const contextVersion = 1;

/** The operations as the context of a membership change. */
export function encodeOperations(operations: readonly MembershipOperation[]): Uint8Array {
  const json = operations.map((operation) => ({ ...operation, id: String(operation.id) }));
  return encoder.encode(JSON.stringify({ version: contextVersion, operations: json }));
}

/** Throws `RAFT_STATE_UNREADABLE`. */
export function decodeOperations(bytes: Uint8Array): MembershipOperation[] {
  const json = parseJson(bytes);
  if (fieldOf(json, 'version') !== contextVersion)
    throw unreadable('version of a membership change');
  return arrayAt(json, 'operations').map((item): MembershipOperation => {
    const id = idAt(item, 'id');
    const op = textAt(item, 'op');
    const given = fieldOf(item, 'address');
    const address = given === undefined ? undefined : textAt(item, 'address');
    if (op === 'remove') return { op, id };
    if (op === 'address') return { op, id, address: address ?? '' };
    if (op === 'service') {
      const name = textAt(item, 'name');
      return address === undefined ? { op, id, name } : { op, id, name, address };
    }
    const role = textAt(item, 'role');
    if (op !== 'set' || (role !== 'voter' && role !== 'learner'))
      throw unreadable(`operation ${op}`);
    return address === undefined ? { op, id, role } : { op, id, role, address };
  });
}

/** Throws `RAFT_STATE_UNREADABLE`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new RaftError('RAFT_STATE_UNREADABLE', 'replicated state is not JSON', error);
  }
}

function fieldOf(json: unknown, name: string): unknown {
  if (typeof json !== 'object' || json === null) throw unreadable(name);
  return Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined;
}

function arrayAt(json: unknown, name: string): unknown[] {
  const value = fieldOf(json, name);
  if (!Array.isArray(value)) throw unreadable(name);
  return value;
}

function textAt(json: unknown, name: string): string {
  const value = fieldOf(json, name);
  if (typeof value !== 'string') throw unreadable(name);
  return value;
}

const idAt = (json: unknown, name: string): bigint => idOf(fieldOf(json, name));

function idOf(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw unreadable('an id');
  return BigInt(value);
}

function unreadable(what: string): RaftError {
  return new RaftError('RAFT_STATE_UNREADABLE', `replicated membership cannot be read: ${what}`);
}
