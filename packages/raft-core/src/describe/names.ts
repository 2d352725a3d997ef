/** The names of enumerated values and of nodes, as etcd's raft prints them. */

import { ConfChangeTransition, ConfChangeType, EntryType, MessageType } from '@babuza/raftpb';
import { localAppendThread, localApplyThread, none } from '../ids.ts';
import { ProgressState } from '../tracker/progress.ts';
import { StateType } from '../ready.ts';

const messageTypes = namesOf('Msg', MessageType);
const entryTypes = namesOf('Entry', EntryType);
const stateTypes = namesOf('State', StateType);
const progressStates = namesOf('State', ProgressState);
const confChangeTypes = namesOf('ConfChange', ConfChangeType);
const transitions = namesOf('ConfChangeTransition', ConfChangeTransition);

/** `MsgApp` and so on. */
export function messageTypeName(type: MessageType): string {
  return messageTypes.get(type) ?? String(type);
}

/** `EntryNormal` and so on. */
export function entryTypeName(type: EntryType): string {
  return entryTypes.get(type) ?? String(type);
}

/** `StateLeader` and so on. */
export function stateTypeName(state: StateType): string {
  return stateTypes.get(state) ?? String(state);
}

/** `StateProbe` and so on. */
export function progressStateName(state: ProgressState): string {
  return progressStates.get(state) ?? String(state);
}

/** `ConfChangeAddNode` and so on. */
export function confChangeTypeName(type: ConfChangeType): string {
  return confChangeTypes.get(type) ?? String(type);
}

/** `ConfChangeTransitionAuto` and so on. */
export function transitionName(transition: ConfChangeTransition): string {
  return transitions.get(transition) ?? String(transition);
}

/** An id as in log lines: lower-case hexadecimal. */
export function hex(id: bigint): string {
  return id.toString(16);
}

/** The sender or receiver of a message. */
export function nodeName(id: bigint): string {
  if (id === none) return 'None';
  if (id === localAppendThread) return 'AppendThread';
  if (id === localApplyThread) return 'ApplyThread';
  return hex(id);
}

/** `[1 2 3]`, with decimal ids. */
export function listOf(ids: readonly bigint[]): string {
  return `[${ids.join(' ')}]`;
}

function namesOf(
  prefix: string,
  numbers: Readonly<Record<string, number>>,
): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, prefix + name]));
}
