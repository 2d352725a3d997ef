/** Messages of the hostile learner that no honest member sends. */
import { randomBytes } from 'node:crypto';
import { EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { rawChunk, rawLastChunk, rawMessages } from '@babuza/transport-http/testing';
import type { Attack, Striker } from '../attack.ts';
import { learnerId, learnerRequest } from './learner.ts';

const patienceMs = 5000;
const highest = Number.MAX_SAFE_INTEGER;

function sending(name: string, messageOf: (striker: Striker) => Message): Attack {
  return {
    name,
    connections: 4,
    pauseMs: 250,
    strike: (striker) => {
      const line = learnerRequest(striker);
      line.write(rawChunk(rawMessages([messageOf(striker)])));
      line.write(rawLastChunk);
      return line.outcome(patienceMs);
    },
  };
}

const between = ({ targetId }: Striker): { readonly from: bigint; readonly to: bigint } => ({
  from: learnerId,
  to: targetId,
});

/** Sends terms that elections cannot reach. */
export const farTerms: Attack = sending('terms near 2^53', (striker) => {
  const type = striker.oneOf([
    MessageType.Heartbeat,
    MessageType.App,
    MessageType.AppResp,
    MessageType.Vote,
    MessageType.PreVote,
    MessageType.PreVoteResp,
  ]);
  const term = striker.oneOf([highest, 2 ** 52 + 1, striker.term + 2 ** 32 + 1]);
  return newMessage({ type, ...between(striker), term, logTerm: term });
});

/** The bytes of a proposal's envelope: version, kind, flags, zero, time, then zeros. */
function envelope(head: readonly [number, number, number, number], timeMs: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.set(head);
  bytes.writeBigUInt64BE(BigInt(timeMs), 4);
  return bytes;
}

function proposal(striker: Striker, data: Uint8Array, type: EntryType = EntryType.Normal): Message {
  const entries = [{ index: 0, term: 0, type, data }];
  return newMessage({ type: MessageType.Prop, ...between(striker), entries });
}

/** Sends proposals with the largest time that an envelope can hold. */
export const forgedTimes: Attack = sending('proposals of time 2^53-1', (striker) =>
  proposal(striker, envelope([1, 1, 2, 0], highest)),
);

/** Sends proposals that replicas cannot decode, and invalid configuration changes. */
export const poisonedProposals: Attack = sending('poisoned proposals', (striker) =>
  striker.oneOf([
    () => proposal(striker, envelope([99, 1, 0, 0], 0)),
    () => proposal(striker, envelope([1, 4, 0, 0], 0)),
    () => proposal(striker, envelope([1, 1, 255, 0], 0)),
    () => proposal(striker, randomBytes(striker.below(100))),
    () => proposal(striker, randomBytes(40), EntryType.ConfChange),
    () => proposal(striker, randomBytes(40), EntryType.ConfChangeV2),
  ])(),
);

/** Sends commit indexes and acknowledgements beyond the end of the log. */
export const falseCommits: Attack = sending('false commits', (striker) => {
  const { term } = striker;
  return striker.oneOf([
    newMessage({ type: MessageType.Heartbeat, ...between(striker), term, commit: highest }),
    newMessage({ type: MessageType.AppResp, ...between(striker), term, index: 2 ** 50 }),
    newMessage({ type: MessageType.HeartbeatResp, ...between(striker), term, commit: highest }),
  ]);
});
