/**
 * Encodes the membership and its operations: JSON with a version, ids as decimal strings. The same
 * membership has the same text on every replica. Bytes that cannot be read are an error
 * (`RAFT_STATE_UNREADABLE`), because a replica must never guess.
 */
import { RaftError } from '../errors.ts';
import { idFromText } from '../identity/id-text.ts';
import { logIdsFromJson, logIdsToJson } from '../identity/log-ids.ts';
import type { Member, Membership, MembershipOperation } from './membership.ts';

/** Ids are written as decimal strings; the same membership has the same text on every replica. */
export function membershipToJson({ members, removed, logIds }: Membership): unknown {
  return {
    members: [...members.values()].map(({ id, address, role, services }) => ({
      id: String(id),
      address,
      role,
      services: Object.fromEntries(Object.entries(services).sort(([a], [b]) => (a < b ? -1 : 1))),
    })),
    removed: [...removed].sort((a, b) => (a < b ? -1 : 1)).map(String),
    ...(logIds.size === 0 ? {} : { logIds: logIdsToJson(logIds) }),
  };
}

/** Throws `RAFT_STATE_UNREADABLE` for anything that `membershipToJson` does not return. */
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
  const logIds = logIdsFromJson(fieldOf(json, 'logIds'));
  return { members: new Map(members), removed: new Set(removed), logIds };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const contextVersion = 1;

/** Encodes operations as the context of a membership change. */
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
  const id = idFromText(value);
  if (id === undefined) throw unreadable('an id');
  return id;
}

function unreadable(what: string): RaftError {
  return new RaftError('RAFT_STATE_UNREADABLE', `replicated membership cannot be read: ${what}`);
}
