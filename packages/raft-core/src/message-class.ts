/** Which messages may come from where, and what a message from outside must look like. */

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
import { messageTypeName } from './describe/names.ts';
import { InvalidMessageError, messageOf } from './errors.ts';
import { localAppendThread } from './ids.ts';

const noBytes = new Uint8Array(0);

/** Types that a node uses with itself and its storage threads only. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case MessageType.Hup:
    case MessageType.Beat:
    case MessageType.Unreachable:
    case MessageType.SnapStatus:
    case MessageType.CheckQuorum:
    case MessageType.StorageAppend:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApply:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Types that answer something, and so come from members only. */
export function isResponseMessage(type: MessageType): boolean {
  switch (type) {
    case MessageType.AppResp:
    case MessageType.VoteResp:
    case MessageType.HeartbeatResp:
    case MessageType.Unreachable:
    case MessageType.ReadIndexResp:
    case MessageType.PreVoteResp:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/**
 * Refuses what no correct node sends and what would otherwise corrupt this one: numbers that
 * JavaScript would round, ids of more than 64 bits, entries that do not follow each other or are of
 * an unknown type, proposals without entries or with a change of the membership that cannot be
 * read, snapshots from the future, messages between nodes without term or from this node itself.
 * The rest is Raft's business.
 *
 * Before the first election, in term 0, a message without term is one of the current term; only
 * votes are always about a term.
 *
 * @throws InvalidMessageError (`RAFT_CORE_INVALID_MESSAGE`)
 */
export function checkMessage(message: Message, self: bigint, ownTerm: number): void {
  const { type, from, term } = message;
  if (!Number.isInteger(type) || type < 0 || type > messageTypeMax) {
    throw new InvalidMessageError(`there is no type of message ${String(type)}`);
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
    throw new InvalidMessageError(`${messageTypeName(type)} without term`);
  }
  if (from === self && !mayComeFromSelf(message)) {
    throw new InvalidMessageError(`${messageTypeName(type)} from this node itself`);
  }
}

/** Types that one node sends another with its term, and that nobody forwards. */
function isBetweenNodes(type: MessageType): boolean {
  switch (type) {
    case MessageType.App:
    case MessageType.AppResp:
    case MessageType.Snap:
    case MessageType.Heartbeat:
    case MessageType.HeartbeatResp:
    case MessageType.TimeoutNow:
      return true;
    default:
      return isVote(type);
  }
}

function isVote(type: MessageType): boolean {
  switch (type) {
    case MessageType.Vote:
    case MessageType.VoteResp:
    case MessageType.PreVote:
    case MessageType.PreVoteResp:
      return true;
    default:
      return false;
  }
}

/** The own vote and the own acknowledgment, once they are durable. */
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
  // The entries lie behind the index: theirs must be exact, too.
  if (!isIndex(index) || !isIndex(index + entries.length)) refuseNumber(message, 'index', index);
  if (!isIndex(commit)) refuseNumber(message, 'commit', commit);
  if (!isIndex(rejectHint)) refuseNumber(message, 'rejectHint', rejectHint);
}

/** What holds also for proposals and reads, whose entries have no place yet. */
function checkEntry(message: Message, { index, term, type }: Entry): void {
  if (!isIndex(index)) refuseNumber(message, 'entry index', index);
  if (!isIndex(term)) refuseNumber(message, 'entry term', term);
  if (
    type !== EntryType.Normal &&
    type !== EntryType.ConfChange &&
    type !== EntryType.ConfChangeV2
  ) {
    throw new InvalidMessageError(`there is no type of entry ${String(type)}`);
  }
}

/** A leader that took one of these would have to stop. */
function checkProposal({ entries }: Message): void {
  if (entries.length === 0) throw new InvalidMessageError('a MsgProp without entries');
  for (const { type, data } of entries) {
    if (type === EntryType.Normal) continue;
    try {
      if (type === EntryType.ConfChange) decodeConfChange(data ?? noBytes);
      else decodeConfChangeV2(data ?? noBytes);
    } catch (error) {
      throw new InvalidMessageError(
        `a MsgProp with a change of the membership that cannot be read: ${messageOf(error)}`,
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
      throw new InvalidMessageError(`entry ${index} follows entry ${previousIndex}`);
    }
    if (term < previousTerm || term > message.term) {
      throw new InvalidMessageError(
        `entry ${index} of term ${term} follows one of term ${previousTerm} ` +
          `in a message of term ${message.term}`,
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
    throw new InvalidMessageError(`a snapshot of term ${term} in a message of ${message.term}`);
  }
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Up to the addresses of the storage threads, all 64 bits. */
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
