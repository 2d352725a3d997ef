/** Which messages may come from where, and what a message from outside must look like. */

import { MessageType, messageTypeMax, type Message, type Snapshot } from '@babuza/raftpb';
import { messageTypeName } from './describe/names.ts';
import { InvalidMessageError } from './errors.ts';

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
 * Refuses what no correct node sends and what would otherwise corrupt this one: numbers that JavaScript
 * would round, entries that do not follow each other, messages of a leader or candidate without term
 * or from this node itself. The rest is Raft's business.
 *
 * @throws InvalidMessageError (`RAFT_CORE_INVALID_MESSAGE`)
 */
export function checkMessage(message: Message, self: bigint): void {
  const { type, from, term, logTerm, index, commit, rejectHint, entries } = message;
  if (!Number.isInteger(type) || type < 0 || type > messageTypeMax) {
    throw new InvalidMessageError(`there is no type of message ${String(type)}`);
  }
  if (!isIndex(term)) refuseNumber(message, 'term', term);
  if (!isIndex(logTerm)) refuseNumber(message, 'logTerm', logTerm);
  // The entries lie behind the index: theirs must be exact, too.
  if (!isIndex(index) || !isIndex(index + entries.length)) refuseNumber(message, 'index', index);
  if (!isIndex(commit)) refuseNumber(message, 'commit', commit);
  if (!isIndex(rejectHint)) refuseNumber(message, 'rejectHint', rejectHint);
  if (message.snapshot !== undefined) checkSnapshot(message, message.snapshot);
  if (type === MessageType.App) checkEntries(message);
  if (!isBetweenNodes(type)) return;
  if (term === 0) throw new InvalidMessageError(`${messageTypeName(type)} without term`);
  if (from === self && !mayComeFromSelf(message)) {
    throw new InvalidMessageError(`${messageTypeName(type)} from this node itself`);
  }
}

/** Types that one node sends another with its term, and that nobody forwards. */
function isBetweenNodes(type: MessageType): boolean {
  switch (type) {
    case MessageType.App:
    case MessageType.AppResp:
    case MessageType.Vote:
    case MessageType.VoteResp:
    case MessageType.Snap:
    case MessageType.Heartbeat:
    case MessageType.HeartbeatResp:
    case MessageType.TimeoutNow:
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

function checkEntries(message: Message): void {
  let previousIndex = message.index;
  let previousTerm = message.logTerm;
  for (const { index, term } of message.entries) {
    if (index !== previousIndex + 1) {
      throw new InvalidMessageError(`entry ${index} follows entry ${previousIndex}`);
    }
    if (!isIndex(term) || term < previousTerm || term > message.term) {
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
  if (!isIndex(metadata.index)) refuseNumber(message, 'snapshot index', metadata.index);
  if (!isIndex(metadata.term)) refuseNumber(message, 'snapshot term', metadata.term);
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function refuseNumber({ type }: Message, what: string, value: number): never {
  throw new InvalidMessageError(
    `the ${what} of a ${messageTypeName(type)} must be an integer from 0 to 2^53 - 1, got ${value}`,
  );
}
