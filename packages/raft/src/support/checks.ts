/**
 * Checks of values that a program without a type checker, or a JSON body, may pass to a start. Each
 * error names the field, the value and what is allowed, before anything is opened or written.
 */
import { RaftConfigError, RaftError } from '../errors.ts';
import { partMethods } from '../part-methods.ts';
import type { Transport } from '../ports/transport.ts';

/** Throws `RAFT_CONFIG`. */
export function refuse(field: string, given: unknown, allowed: string): never {
  throw new RaftConfigError(`${field} must be ${allowed}; got ${describe(given)}`);
}

/** Throws `RAFT_CONFIG` for a value that is not a bigint in this range. */
export function checkId(field: string, value: unknown, min: bigint, max: bigint): void {
  if (typeof value === 'bigint' && value >= min && value <= max) return;
  refuse(field, value, `a bigint from ${min} to ${max}`);
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/**
 * Checks the shape of the peers; `firstMembership` checks their ids and roles. Throws
 * `RAFT_CONFIG`.
 */
export function checkPeers(peers: unknown, transport: Transport): void {
  if (!Array.isArray(peers)) refuse('peers', peers, 'a list of members');
  for (const [at, peer] of peers.entries()) {
    const name = `peers[${at}]`;
    if (!isObject(peer)) refuse(name, peer, 'a member: id, address, and perhaps a role');
    const id: unknown = Reflect.get(peer, 'id');
    const address: unknown = Reflect.get(peer, 'address');
    if (typeof id !== 'bigint') refuse(`${name}.id`, id, 'a bigint');
    if (typeof address !== 'string') refuse(`${name}.address`, address, 'a text');
    const problem = addressProblem(transport, address);
    if (problem !== undefined) {
      throw new RaftConfigError(`${name}.address cannot be used: ${problem.message}`, problem);
    }
  }
}

/** Why the transport cannot use an address; `undefined` when it can. */
export function addressProblem(transport: Transport, address: string): Error | undefined {
  try {
    transport.checkAddress?.(address);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const machineMethods: Readonly<Record<string, readonly string[]>> = {
  memory: ['saveSnapshot'],
  concurrent: ['prepareSnapshot', 'saveSnapshot'],
  disk: ['open', 'prepareSnapshot', 'saveSnapshot'],
};

/** Throws `RAFT_CONFIG`. */
export function checkStateMachine(machine: unknown): void {
  if (!isObject(machine)) refuse('stateMachine', machine, 'an object');
  const kind: unknown = Reflect.get(machine, 'kind');
  if (typeof kind !== 'string' || !Object.hasOwn(machineMethods, kind)) {
    refuse('stateMachine.kind', kind, "'memory', 'concurrent' or 'disk'");
  }
  const methods = machineMethods[kind] ?? [];
  for (const method of ['apply', 'query', ...methods, 'restoreSnapshot', 'close']) {
    const given: unknown = Reflect.get(machine, method);
    if (typeof given !== 'function') {
      refuse(`stateMachine.${method}`, given, `a method where its kind is '${kind}'`);
    }
  }
}

/** Throws `RAFT_CONFIG`, or the error of a component that is missing. */
export function checkComponent(component: unknown): void {
  if (!isObject(component)) refuse('component', component, 'an object');
  for (const [name, methods] of Object.entries(partMethods)) {
    const part: unknown = Reflect.get(component, name);
    for (const method of methods) {
      if (isObject(part) && typeof Reflect.get(part, method) === 'function') continue;
      throw new RaftConfigError(
        `component.${name} must have the method ${method}; got ${describe(part)}`,
      );
    }
  }
}

/**
 * The index that a state on disk has. With any other value, no entry or every entry would count as
 * applied.
 */
export function checkedAppliedIndex(opened: unknown): number {
  const index: unknown = isObject(opened) ? Reflect.get(opened, 'appliedIndex') : undefined;
  if (typeof index === 'number' && Number.isSafeInteger(index) && index >= 0) return index;
  throw new RaftError(
    'RAFT_STATE_MACHINE_FAILED',
    `open of the state machine must return { appliedIndex }, an integer from 0; got ${isObject(opened) ? `appliedIndex ${describe(index)}` : describe(opened)}`,
  );
}

/** The log that a state on disk came from, if the state machine keeps it. */
export function checkedLogId(opened: unknown): string | undefined {
  const logId: unknown = isObject(opened) ? Reflect.get(opened, 'logId') : undefined;
  if (logId === undefined || typeof logId === 'string') return logId;
  throw new RaftError(
    'RAFT_STATE_MACHINE_FAILED',
    `open of the state machine must return the logId that bindLog was given, or none; got ${describe(logId)}`,
  );
}

/** A value in a few words, with texts in quotes, so that `'1'` and `1` differ. */
function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 100)}'`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  return isObject(value) ? 'an object' : String(value);
}
