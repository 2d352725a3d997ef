/**
 * The checks of a message from outside the node, before Raft sees it. etcd's raft has no such
 * checks.
 */

import {
  decodeConfChange,
  decodeConfChangeV2,
  EntryType,
  MessageType,
  messageTypeMax,
  type Entry,
  type Message,
  type Snapshot,
} from '@babuza/raftpb';
import { messageTypeName } from '../describe/names.ts';
import { InvalidMessageError, messageOf } from '../errors.ts';
import { localAppendThread } from '../ids.ts';
import { isBetweenNodes, isVote } from './message-class.ts';

const noBytes = new Uint8Array(0);

/**
 * Rejects messages that no correct node sends and that would corrupt this node: numbers that
 * JavaScript would round, ids of more than 64 bits, entries that are not consecutive or have an
 * unknown type, proposals without entries or with a membership change that cannot be decoded,
 * snapshots of a later term than their message, and messages between nodes without term or from
 * this node itself. All other messages are left to the rules of Raft.
 *
 * In term 0, before the first election, a message without term belongs to the present term. A
 * message about votes must always have a term.
 *
 * @throws InvalidMessageError (`RAFT_CORE_INVALID_MESSAGE`) that names the field and its value.
 */
export function checkMessage(message: Message, self: bigint, ownTerm: number): void {
  const { type, from, term } = message;
  if (!Number.isInteger(type) || type < 0 || type > messageTypeMax) {
    throw new InvalidMessageError(
      `a message from ${from} has the type ${String(type)}, expected 0 to ${messageTypeMax}`,
    );
  }
  checkNumbers(message);
  if (!isId(from)) refuseId(message, 'sender', from);
  if (!isId(message.to)) refuseId(message, 'receiver', message.to);
  for (const entry of message.entries) checkEntry(message, entry);
  if (message.snapshot !== undefined) checkSnapshot(message, message.snapshot);
  if (type === MessageType.App) checkOrder(message);
  if (type === MessageType.Prop) checkProposal(message);
  if (!isBetweenNodes(type)) return;
  if (term === 0 && (ownTerm !== 0 || isVote(type))) {
    throw new InvalidMessageError(
      `a ${messageTypeName(type)} from ${from} has no term, expected the term of its sender`,
    );
  }
  if (from === self && !mayComeFromSelf(message)) {
    throw new InvalidMessageError(
      `a ${messageTypeName(type)} names this node, ${self}, as its sender, expected another member`,
    );
  }
}

/** Whether this is a vote or an acknowledgment of this node for itself, which is now durable. */
function mayComeFromSelf({ type, reject }: Message): boolean {
  return (
    type === MessageType.VoteResp ||
    type === MessageType.PreVoteResp ||
    (type === MessageType.AppResp && !reject)
  );
}

function checkNumbers(message: Message): void {
  const { term, logTerm, index, commit, rejectHint, entries } = message;
  if (!isIndex(term)) refuseNumber(message, 'term', term);
  if (!isIndex(logTerm)) refuseNumber(message, 'logTerm', logTerm);
  // The indexes of the entries follow `index`, and must be exact as well.
  if (!isIndex(index) || !isIndex(index + entries.length)) refuseNumber(message, 'index', index);
  if (!isIndex(commit)) refuseNumber(message, 'commit', commit);
  if (!isIndex(rejectHint)) refuseNumber(message, 'rejectHint', rejectHint);
}

/** The checks for all entries, even those of proposals and reads, which have no index yet. */
function checkEntry(message: Message, { index, term, type }: Entry): void {
  if (!isIndex(index)) refuseNumber(message, 'entry index', index);
  if (!isIndex(term)) refuseNumber(message, 'entry term', term);
  if (
    type !== EntryType.Normal &&
    type !== EntryType.ConfChange &&
    type !== EntryType.ConfChangeV2
  ) {
    throw new InvalidMessageError(
      `entry ${index} of a ${messageTypeName(message.type)} has the type ${String(type)}, ` +
        'expected a type of `EntryType`',
    );
  }
}

/** A leader that accepted such a proposal would have to stop. */
function checkProposal({ entries }: Message): void {
  if (entries.length === 0)
    throw new InvalidMessageError('a MsgProp has no entries, expected at least one');
  for (const { type, data } of entries) {
    if (type === EntryType.Normal) continue;
    try {
      if (type === EntryType.ConfChange) decodeConfChange(data ?? noBytes);
      else decodeConfChangeV2(data ?? noBytes);
    } catch (error) {
      throw new InvalidMessageError(
        `a MsgProp has a membership change that cannot be decoded: ${messageOf(error)}`,
        error,
      );
    }
  }
}

function checkOrder(message: Message): void {
  let previousIndex = message.index;
  let previousTerm = message.logTerm;
  for (const { index, term } of message.entries) {
    if (index !== previousIndex + 1) {
      throw new InvalidMessageError(
        `entry ${index} of a MsgApp follows entry ${previousIndex}, expected ${previousIndex + 1}`,
      );
    }
    if (term < previousTerm || term > message.term) {
      throw new InvalidMessageError(
        `entry ${index} of a MsgApp has term ${term}, expected at least the term of the entry ` +
          `before it, ${previousTerm}, and at most that of the message, ${message.term}`,
      );
    }
    previousIndex = index;
    previousTerm = term;
  }
}

function checkSnapshot(message: Message, { metadata }: Snapshot): void {
  const { index, term, confState } = metadata;
  if (!isIndex(index)) refuseNumber(message, 'snapshot index', index);
  if (!isIndex(term)) refuseNumber(message, 'snapshot term', term);
  const { voters, votersOutgoing, learners, learnersNext } = confState;
  for (const ids of [voters, votersOutgoing, learners, learnersNext]) {
    for (const id of ids) if (!isId(id)) refuseId(message, 'member', id);
  }
  if (message.type === MessageType.Snap && message.term !== 0 && term > message.term) {
    throw new InvalidMessageError(
      `the snapshot of a MsgSnap has term ${term}, expected at most its term, ${message.term}`,
    );
  }
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Whether the id has at most 64 bits. The addresses of the storage threads are ids as well. */
function isId(id: bigint): boolean {
  return id >= 0n && id <= localAppendThread;
}

function refuseNumber({ type }: Message, what: string, value: number): never {
  throw new InvalidMessageError(
    `the ${what} of a ${messageTypeName(type)} must be an integer from 0 to 2^53 - 1, got ${value}`,
  );
}

function refuseId({ type }: Message, what: string, id: bigint): never {
  throw new InvalidMessageError(
    `the ${what} of a ${messageTypeName(type)} must be an id of 64 bits, got ${id}`,
  );
}
