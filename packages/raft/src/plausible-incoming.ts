/**
 * Drops what other nodes send and no honest one would, before the identity, the log or the core
 * hear of it. What is dropped counts as lost. The sender is reported, see `refused-messages.ts`.
 *
 * Only a member may propose, read or have leadership moved. Raft itself needs some messages of nodes
 * that this node does not know: of a leader or a candidate that was added while it was away.
 */
import { MessageType, type Message } from '@babuza/raftpb';
import { stampEnvelope } from './envelope.ts';
import type { TransportHandler } from './ports/transport.ts';
import type { RefusedMessages } from './refused-messages.ts';
import type { TermLimits } from './term-limits.ts';

export interface PlausibleParts {
  readonly terms: TermLimits;
  readonly refused: RefusedMessages;
  /** Whether messages of this node count at all; the handler refuses them otherwise. */
  readonly takesFrom: (id: bigint) => boolean;
  /** Whether the applied membership has this node, as a voter or a learner. */
  readonly isMember: (id: bigint) => boolean;
  /** The leader that the core knows, `0n` where it knows none. */
  readonly leader: () => bigint;
  /** The time to stamp a proposal with, in ms since 1970. */
  readonly nowMs: () => number;
}

export function plausibleIncoming(
  handler: TransportHandler,
  parts: PlausibleParts,
): TransportHandler {
  const { terms, refused, takesFrom } = parts;
  const isPlausible = (message: Message): boolean => {
    const { from } = message;
    if (!takesFrom(from)) return true;
    if (!maySend(parts, message)) {
      refused.refuse(from, 'not-a-member', `only a member may send ${nameOf(message)}`);
      return false;
    }
    const refusal = terms.refusal(message);
    if (refusal !== undefined) {
      refused.refuse(from, refusal.kind, refusal.what);
      return false;
    }
    if (message.type !== MessageType.Prop || stampAll(message, parts.nowMs())) return true;
    refused.refuse(from, 'proposal', 'it has a proposal that no member hands on');
    return false;
  };
  return {
    ...handler,
    receive: (message) => {
      if (isPlausible(message)) handler.receive(message);
    },
  };
}

/** Whether a node may send a message of this type at all. */
function maySend({ isMember, leader }: PlausibleParts, { type, from }: Message): boolean {
  switch (type) {
    case MessageType.Prop:
    case MessageType.ReadIndex:
    case MessageType.TransferLeader:
    case MessageType.ForgetLeader:
      return isMember(from);
    case MessageType.TimeoutNow:
      return isMember(from) || leader() === from;
    default:
      return true;
  }
}

function nameOf({ type }: Message): string {
  switch (type) {
    case MessageType.Prop:
      return 'a proposal';
    case MessageType.ReadIndex:
      return 'a read';
    default:
      return 'a message that moves leadership';
  }
}

/**
 * The leader stamps what is proposed through it: the clock of the node that handed it on does not
 * count. False where one of the entries cannot be a proposal that was handed on.
 */
function stampAll({ entries }: Message, nowMs: number): boolean {
  return entries.every(({ data }) => {
    return data === undefined || data.length === 0 || stampEnvelope(data, nowMs);
  });
}
