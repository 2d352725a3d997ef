/** The texts of entries, states, snapshots, messages and Readys. */

import {
  confChangeAsV2,
  decodeConfChange,
  decodeConfChangeV2,
  EntryType,
  type Entry,
  type HardState,
  type Message,
  type Snapshot,
} from '@babuza/raftpb';
import { messageOf } from '../errors.ts';
import { isEmptyHardState, type Ready, type SoftState } from '../ready.ts';
import { describeConfState, describeOperations } from './configuration.ts';
import { entryTypeName, messageTypeName, nodeName, stateTypeName } from './names.ts';
import { quote } from './quote.ts';

const noBytes = new Uint8Array(0);

/** `Term:1 Vote:1 Commit:4`; without vote, that part is left out. */
export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0n ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

/** `Lead:1 State:StateLeader`. */
export function describeSoftState({ lead, raftState }: SoftState): string {
  return `Lead:${lead} State:${stateTypeName(raftState)}`;
}

export function describeSnapshot({ metadata }: Snapshot): string {
  const { index, term, confState } = metadata;
  return `Index:${index} Term:${term} ConfState:${describeConfState(confState)}`;
}

/** `1/5 EntryNormal "x"`; for a membership change, its operations follow instead of the data. */
export function describeEntry(entry: Entry): string {
  const payload = payloadText(entry);
  const head = `${entry.term}/${entry.index} ${entryTypeName(entry.type)}`;
  return payload === '' ? head : `${head} ${payload}`;
}

/** One line per entry. */
export function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${describeEntry(entry)}\n`).join('');
}

/** A message with its entries, snapshot and responses. Each line starts with `indent`. */
export function describeMessage(message: Message, indent = ''): string {
  const { from, to, type, term, logTerm, index, commit, vote, snapshot, responses } = message;
  let text = `${indent}${nodeName(from)}->${nodeName(to)} ${messageTypeName(type)}`;
  text += ` Term:${term} Log:${logTerm}/${index}`;
  if (message.reject) text += ` Rejected (Hint: ${message.rejectHint})`;
  if (commit !== 0) text += ` Commit:${commit}`;
  if (vote !== 0n) text += ` Vote:${vote}`;
  text += entriesText(message.entries, indent);
  if (snapshot !== undefined && snapshot.metadata.index !== 0) {
    text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  }
  if (responses.length > 0) {
    const lines = responses.map((response) => `${describeMessage(response, `${indent}  `)}\n`);
    text += ` Responses:[\n${lines.join('')}${indent}]`;
  }
  return text;
}

/** A Ready, with one block for each part that is not empty. */
export function describeReady(ready: Ready): string {
  const { softState, hardState, readStates, entries, snapshot, committedEntries, messages } = ready;
  let text = '';
  if (softState !== undefined) text += `${describeSoftState(softState)}\n`;
  if (hardState !== undefined && !isEmptyHardState(hardState)) {
    text += `HardState ${describeHardState(hardState)}\n`;
  }
  if (readStates.length > 0) {
    const reads = readStates.map(
      ({ index, requestContext }) => `{${index} [${requestContext.join(' ')}]}`,
    );
    text += `ReadStates [${reads.join(' ')}]\n`;
  }
  if (entries.length > 0) text += `Entries:\n${describeEntries(entries)}`;
  if (snapshot !== undefined && snapshot.metadata.index !== 0) {
    text += `Snapshot ${describeSnapshot(snapshot)}\n`;
  }
  if (committedEntries.length > 0) {
    text += `CommittedEntries:\n${describeEntries(committedEntries)}`;
  }
  if (messages.length > 0) {
    text += `Messages:\n${messages.map((message) => `${describeMessage(message)}\n`).join('')}`;
  }
  return text === '' ? '<empty Ready>' : `Ready MustSync=${ready.mustSync}:\n${text}`;
}

function entriesText(entries: readonly Entry[], indent: string): string {
  const first = entries[0];
  if (first === undefined) return '';
  if (entries.length === 1) return ` Entries:[${describeEntry(first)}]`;
  const lines = entries.map((entry) => `${indent}  ${describeEntry(entry)}\n`);
  return ` Entries:[\n${lines.join('')}${indent}]`;
}

function payloadText({ type, data }: Entry): string {
  if (type === EntryType.Normal) return quote(data);
  try {
    const change =
      type === EntryType.ConfChange
        ? confChangeAsV2(decodeConfChange(data ?? noBytes))
        : decodeConfChangeV2(data ?? noBytes);
    return describeOperations(change.changes);
  } catch (error) {
    return messageOf(error);
  }
}
