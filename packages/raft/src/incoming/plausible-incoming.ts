/**
 * Drops messages that no honest node would send, before the identity checks, the log or the core
 * get them. A dropped message counts as lost. The sender is reported; see `refused-messages.ts`.
 *
 * Only a member may propose, read or ask for a leadership transfer. Other messages must also be
 * taken from nodes that this node does not know, because a leader or a candidate may have been
 * added while this node was down.
 */
import { MessageType, type Message, type SnapshotMetadata } from '@babuza/raftpb';
import { requesterOf, stampEnvelope } from '../proposals/envelope.ts';
import { RaftError } from '../errors.ts';
import type { LostEntries } from './lost-entries.ts';
import type { TransportHandler } from '../ports/transport.ts';
import type { RefusedMessages } from './refused-messages.ts';
import type { TermLimits } from './term-limits.ts';
import {
  isOutdated,
  snapshotRefusal,
  type WantedSnapshotParts,
} from '../snapshots/wanted-snapshots.ts';

export interface PlausibleParts {
  readonly terms: TermLimits;
  readonly refused: RefusedMessages;
  /** Whether messages of this node are taken at all; the handler refuses them otherwise. */
  readonly takesFrom: (id: bigint) => boolean;
  /** Whether this node is a member, voter or learner, of the applied membership. */
  readonly isMember: (id: bigint) => boolean;
  /** The leader that the core knows, `0n` where it knows none. */
  readonly leader: () => bigint;
  readonly lostEntries: Pick<LostEntries, 'refusal' | 'isPossible'>;
  readonly wanted: WantedSnapshotParts;
  /** Gives the core a message. */
  readonly give: (message: Message) => void;
  /** Removes the files of a snapshot that the core did not install. */
  readonly discardUntaken: (metadata: SnapshotMetadata) => Promise<void>;
  /** The current time for the timestamp of a proposal, in ms since 1970. */
  readonly nowMs: () => number;
}

/** Whether an honest member sends such a message. A `dropped` one may be honest and merely late. */
type Verdict = 'plausible' | 'dropped' | 'impossible';

export function plausibleIncoming(
  handler: TransportHandler,
  parts: PlausibleParts,
): TransportHandler {
  const { terms, refused, takesFrom } = parts;
  const verdictOn = (message: Message): Verdict => {
    const { from } = message;
    if (!takesFrom(from)) return 'plausible';
    if (!maySend(parts, message)) {
      // A member that was removed just now may not know it yet.
      refused.refuse(from, 'not-a-member', `only a member may send ${nameOf(message)}`);
      return 'dropped';
    }
    const refusal = terms.refusal(message);
    if (refusal !== undefined) {
      refused.refuse(from, refusal.kind, refusal.what);
      // A hostile member can raise the term of an honest one, whose next message then has a term
      // that jumps.
      return refusal.kind === 'term' ? 'impossible' : 'dropped';
    }
    const falseCommit = parts.lostEntries.refusal(message);
    if (falseCommit !== undefined) {
      refused.refuse(from, 'commit', falseCommit);
      return parts.lostEntries.isPossible ? 'dropped' : 'impossible';
    }
    // This node may have lost entries, so its vote could elect a leader without them.
    if (asksForElection(message) && parts.lostEntries.isPossible) return 'dropped';
    switch (message.type) {
      case MessageType.Prop:
        if (stampAll(message, parts.nowMs())) return 'plausible';
        refused.refuse(from, 'proposal', 'it has a proposal that no member forwards');
        return 'impossible';
      case MessageType.ReadIndex:
      case MessageType.ReadIndexResp:
        return verdictOnRead(parts, message);
      default:
        return 'plausible';
    }
  };
  /** Throws when the snapshot is not wanted. */
  const checkWanted = (message: Message): void => {
    const { from } = message;
    if (!takesFrom(from)) return;
    const refusal = terms.refusal(message);
    const what = refusal?.what ?? snapshotRefusal(message, parts.wanted);
    if (what === undefined) return;
    refused.refuse(from, refusal?.kind ?? 'snapshot', what);
    throw new RaftError('RAFT_SNAPSHOT_REFUSED', `a snapshot of node ${from} is refused: ${what}`);
  };
  return {
    ...handler,
    receive: (message) => {
      const verdict = verdictOn(message);
      if (verdict === 'plausible') return handler.receive(ownCopyOfRead(message));
      return verdict === 'impossible' ? verdict : undefined;
    },
    receiveSnapshot: async (message, stream, signal) => {
      checkWanted(message);
      if (takesFrom(message.from) && isOutdated(message, parts.wanted)) {
        // The core answers with its commit index. It does not need the files for that.
        parts.give(message);
        return;
      }
      await handler.receiveSnapshot(message, stream, signal);
      if (message.snapshot !== undefined) await parts.discardUntaken(message.snapshot.metadata);
    },
    receivedSnapshotBytes: async (message) => {
      checkWanted(message);
      return handler.receivedSnapshotBytes(message);
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

/** Whether a message asks this node to take part in an election. */
function asksForElection({ type }: Message): boolean {
  return (
    type === MessageType.Vote || type === MessageType.PreVote || type === MessageType.TimeoutNow
  );
}

/** The longest context of a read, in bytes. Members send contexts of 20 bytes. */
const readContextBytesMax = 64;

/**
 * An answer to a read from a node that does not lead could have an index that misses acknowledged
 * writes.
 */
function verdictOnRead(
  { refused, leader }: PlausibleParts,
  { type, from, entries }: Message,
): Verdict {
  const bytes = entries[0]?.data?.length ?? 0;
  if (entries.length !== 1 || bytes < 1 || bytes > readContextBytesMax) {
    const expected = `expected 1 with 1 to ${readContextBytesMax} bytes`;
    const found = `${entries.length} entries, the first with ${bytes} bytes`;
    refused.refuse(from, 'read', `its read has ${found}, ${expected}`);
    return 'impossible';
  }
  if (type === MessageType.ReadIndex || leader() === from) return 'plausible';
  // The sender may be honest, and have lost its leadership meanwhile.
  refused.refuse(from, 'read', 'it answers a read, and is not the leader');
  return 'dropped';
}

/**
 * Copies the data of a pending read, so that it does not keep the whole received frame in memory.
 */
function ownCopyOfRead(message: Message): Message {
  if (message.type !== MessageType.ReadIndex) return message;
  const entries = message.entries.map((entry) => ({ ...entry, data: entry.data?.slice() }));
  return { ...message, entries };
}

function nameOf({ type }: Message): string {
  switch (type) {
    case MessageType.Prop:
      return 'a proposal';
    case MessageType.ReadIndex:
      return 'a read';
    default:
      return 'a request that changes the leader';
  }
}

/**
 * Replaces the timestamps of forwarded proposals by the leader's time: the clock of the sender does
 * not count. Returns false when one of the entries cannot be a proposal that its sender forwards. A
 * member forwards only its own proposals. If it could use another member's id, it could use up that
 * member's request numbers. With made-up ids it could fill the memory in which the leader keeps the
 * request numbers of each node.
 */
function stampAll({ from, entries }: Message, nowMs: number): boolean {
  return entries.every(({ data }) => {
    if (data === undefined || data.length === 0) return true;
    return (requesterOf(data) ?? from) === from && stampEnvelope(data, nowMs);
  });
}
