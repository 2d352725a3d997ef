/**
 * Decoders for entries and snapshots of a node: envelopes, membership changes, identities, and the
 * node's own section.
 */
import { ConfChangeType, encodeConfChangeV2, EntryType } from '@babuza/raftpb';
import { LruSessionManager } from '@babuza/session';
import { Finding, refusal, type Decoder, type Outcome, type Target } from '../decoder.ts';
import {
  committedEntries,
  envelope,
  identityEntries,
  membershipCodec,
  replicatedState,
} from '../internals.ts';
import { checkId, roundTrip } from '../round-trip.ts';
import { bytesOf } from './samples.ts';

const unreadable = ['RAFT_STATE_UNREADABLE'];
const hex = (digit: string): string => digit.repeat(32);
const logIds = new Map([
  [1n, hex('1')],
  [2n ** 64n - 1n, hex('2')],
]);

const operations: Parameters<typeof membershipCodec.encodeOperations>[0] = [
  { op: 'set', id: 2n ** 64n - 1n, role: 'voter', address: 'host:1' },
  { op: 'set', id: 3n, role: 'learner' },
  { op: 'remove', id: 2n },
  { op: 'address', id: 1n, address: 'host:2' },
  { op: 'service', id: 1n, name: 'http', address: 'host:3' },
  { op: 'service', id: 1n, name: 'http' },
];

const envelopes: Decoder = {
  name: 'raft/decodeEnvelope',
  form: 'bytes',
  samples: [1, 2, 3, 4].map((kind) =>
    envelope.encodeEnvelope({
      kind: kind as 1 | 2 | 3 | 4,
      proposedAtMs: 1_800_000_000_000,
      session: kind === 3 ? undefined : { sessionId: 7, sequence: 2 ** 40, lowestUnanswered: 3 },
      request: kind === 1 ? undefined : { nodeId: 2n ** 64n - 1n, number: 2 ** 53 - 1 },
      payload: bytesOf('payload'),
    }),
  ),
  run: roundTrip({
    decode: (bytes) => envelope.decodeEnvelope(bytes, 5),
    encode: envelope.encodeEnvelope,
    documented: unreadable,
    isCanonical: true,
    check: (value, input) => {
      if (value.kind === envelope.EnvelopeKind.Identity || value.request === undefined) return;
      const stamped = Uint8Array.from(input);
      if (!envelope.stampEnvelope(stamped, 77)) {
        throw new Finding('an envelope that a member hands on cannot be stamped');
      }
      const { proposedAtMs, ...rest } = envelope.decodeEnvelope(stamped, 5);
      if (proposedAtMs !== 77 || rest.payload.length !== value.payload.length) {
        throw new Finding('a stamp has changed more than the time of an envelope');
      }
    },
  }),
  weight: 2,
};

const membershipOperations: Decoder = {
  name: 'raft/decodeOperations',
  covers: ['raft/parseJson'],
  form: 'json',
  samples: [membershipCodec.encodeOperations(operations), membershipCodec.encodeOperations([])],
  run: roundTrip({
    decode: membershipCodec.decodeOperations,
    encode: membershipCodec.encodeOperations,
    documented: unreadable,
    check: (decoded) => {
      for (const { id } of decoded) checkId('the id of an operation', id);
    },
  }),
};

/** An entry that changes the membership: the change, and in its context the operations. */
const changes: Decoder = {
  name: 'raft/readChange',
  form: 'protobuf',
  samples: [
    encodeConfChangeV2({
      transition: 0,
      // The same members as in the operations.
      changes: [
        { type: ConfChangeType.AddNode, nodeId: 2n ** 64n - 1n },
        { type: ConfChangeType.AddLearnerNode, nodeId: 3n },
        { type: ConfChangeType.RemoveNode, nodeId: 2n },
        ...[1n, 1n, 1n].map((nodeId) => ({ type: ConfChangeType.UpdateNode, nodeId })),
      ],
      context: membershipCodec.encodeOperations(operations),
    }),
    // The end of joint consensus.
    encodeConfChangeV2({ transition: 0, changes: [] }),
  ],
  run: (input) => {
    const read = (type: 1 | 2) =>
      committedEntries.readable(() =>
        committedEntries.readChange({ index: 5, term: 1, type, data: input }),
      );
    const results = [read(EntryType.ConfChange), read(EntryType.ConfChangeV2)];
    const outcomes = results.map((result): Outcome =>
      result instanceof Error ? refusal(result, unreadable) : { kind: 'value', value: result },
    );
    return (
      outcomes.find(({ kind }) => kind === 'value') ?? outcomes[0] ?? { kind: 'value', value: 0 }
    );
  },
};

const identities: Decoder = {
  name: 'raft/decodeIdentityEntry',
  form: 'json',
  samples: [
    identityEntries.encodeIdentityEntry({ birth: hex('a') }),
    identityEntries.encodeIdentityEntry({
      renewed: {
        origin: hex('b'),
        birth: hex('c'),
        previous: [{ origin: hex('d'), birth: undefined }],
      },
      logIds,
    }),
  ],
  run: roundTrip({
    decode: (bytes) => identityEntries.decodeIdentityEntry(bytes, 5),
    encode: identityEntries.encodeIdentityEntry,
    documented: unreadable,
    check: ({ logIds: decoded }) => {
      for (const id of decoded?.keys() ?? []) checkId('the id of a member with a log', id);
    },
  }),
};

const place = {
  index: 9,
  term: 2,
  confState: {
    voters: [1n, 2n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
};

function newState() {
  return new replicatedState.ReplicatedState(new LruSessionManager({ sessionsMax: 4 }));
}

function nodePart(): Uint8Array {
  const state = newState();
  state.sessions.register(7, 1000);
  state.timeMs = 1000;
  state.identity = { origin: hex('e'), birth: hex('f'), previous: [] };
  state.membership = {
    members: new Map(
      [1n, 2n].map((id) => [
        id,
        { id, address: `host:${id}`, role: 'voter', services: { a: 'b' } },
      ]),
    ),
    removed: new Set([3n]),
    logIds: new Map([[1n, hex('1')]]),
  };
  return state.encode();
}

/** The file `node.json` of a snapshot, with the sessions in it. */
const nodeParts: Decoder = {
  name: 'raft/restore of the node part',
  covers: ['session/decodeSessions'],
  form: 'json',
  samples: [nodePart()],
  run: roundTrip({
    decode: (bytes) => {
      const state = newState();
      state.restore(bytes, place);
      return state;
    },
    encode: (state) => state.encode(),
    documented: [...unreadable, 'SESSION_CORRUPT', 'SESSION_VERSION', 'SESSION_MISMATCH'],
    check: ({ membership: { members, removed, logIds: bound } }) => {
      for (const id of [...members.keys(), ...removed, ...bound.keys()]) {
        checkId('the id of a member', id);
      }
    },
  }),
};

export const state: Target = {
  name: 'state',
  description: "envelopes, membership changes, identity entries and the node's part of a snapshot",
  decoders: [envelopes, membershipOperations, changes, identities, nodeParts],
};
