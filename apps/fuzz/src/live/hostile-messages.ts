/** Messages of every type with plausible and implausible values in every field. */
import {
  emptyConfState,
  EntryType,
  MessageType,
  messageTypeMax,
  newMessage,
  type Entry,
  type Message,
  type Snapshot,
} from '@babuza/raftpb';
import type { SeededRandom } from '@babuza/testkit';
import { membershipCodec, envelope } from '../internals.ts';
import { encodeConfChangeV2 } from '@babuza/raftpb';

/** The state of the receivers' log when a message is made. */
export interface Known {
  readonly term: number;
  readonly lastIndex: number;
  readonly commit: number;
}

const safeMax = Number.MAX_SAFE_INTEGER;

function near(random: SeededRandom, value: number): number {
  return random.pick([
    value,
    value,
    value + 1,
    Math.max(0, value - 1),
    value + random.below(100),
    Math.max(0, value - random.below(20)),
    0,
    1,
    2 ** 31,
    2 ** 32 + 1,
    2 ** 52 + 1,
    safeMax,
  ]);
}

export function hostileMessage(
  random: SeededRandom,
  known: Known,
  ids: { readonly from: bigint; readonly to: bigint },
): Message {
  // Every number from 0 to `messageTypeMax` is a type.
  const type = random.below(messageTypeMax + 1) as MessageType;
  const index = near(random, known.lastIndex);
  return newMessage({
    type,
    from: random.chance(0.03) ? BigInt(random.below(6)) : ids.from,
    to: random.chance(0.01) ? BigInt(random.below(6)) : ids.to,
    term: type === MessageType.Prop || random.chance(0.05) ? 0 : near(random, known.term),
    logTerm: near(random, known.term),
    index,
    commit: near(random, known.commit),
    reject: random.chance(0.3),
    rejectHint: near(random, known.lastIndex),
    vote: random.chance(0.1) ? 2n ** 64n - 1n : 0n,
    context: random.chance(0.5) ? random.bytes(random.below(24)) : undefined,
    entries: entriesOf(random, known, index),
    snapshot: random.chance(0.05) ? snapshotOf(random, known) : undefined,
    responses: random.chance(0.05) ? [newMessage({ type: MessageType.AppResp })] : [],
  });
}

function entriesOf(random: SeededRandom, known: Known, previous: number): Entry[] {
  const first = random.chance(0.8) ? previous + 1 : near(random, known.lastIndex);
  return Array.from({ length: random.below(4) }, (_, at) => {
    const isChange = random.chance(0.1);
    return {
      index: Math.min(first + at, safeMax),
      term: random.chance(0.8) ? known.term : near(random, known.term),
      type: isChange ? EntryType.ConfChangeV2 : EntryType.Normal,
      data: isChange ? changeData(random) : entryData(random),
    };
  });
}

function entryData(random: SeededRandom): Uint8Array {
  if (random.chance(0.2)) return random.bytes(random.below(64));
  return envelope.encodeEnvelope({
    kind: random.pick([1, 1, 1, 2, 3, 4]),
    proposedAtMs: random.pick([0, 1, safeMax, 1_800_000_000_000]),
    session: random.chance(0.3)
      ? { sessionId: random.below(9), sequence: random.below(9), lowestUnanswered: random.below(9) }
      : undefined,
    request: random.chance(0.5)
      ? { nodeId: BigInt(random.below(5)), number: random.below(99) }
      : undefined,
    payload: random.bytes(random.below(32)),
  });
}

function changeData(random: SeededRandom): Uint8Array {
  const id = BigInt(random.below(6));
  return encodeConfChangeV2({
    transition: random.pick([0, 1, 2]),
    changes: [{ type: random.pick([0, 1, 2, 3]), nodeId: id }],
    context: membershipCodec.encodeOperations([{ op: 'remove', id }]),
  });
}

function snapshotOf(random: SeededRandom, known: Known): Snapshot {
  return {
    data: random.bytes(random.below(100)),
    metadata: {
      index: near(random, known.lastIndex),
      term: near(random, known.term),
      confState: { ...emptyConfState, voters: [1n, 2n, 4n] },
    },
  };
}

/** A message with a snapshot, which travels with the files of the snapshot. */
export function hostileSnapshot(
  random: SeededRandom,
  known: Known,
  ids: { readonly from: bigint; readonly to: bigint },
): Message {
  return newMessage({
    ...ids,
    type: MessageType.Snap,
    term: near(random, known.term),
    snapshot: snapshotOf(random, known),
  });
}
