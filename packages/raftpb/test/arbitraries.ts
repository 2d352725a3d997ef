/** Random values of every message, with the edges of the varint sizes drawn often. */

import * as fc from 'fast-check';
import {
  EntryType,
  messageTypeMax,
  newMessage,
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type MessageType,
  type Snapshot,
  type SnapshotMetadata,
} from '../src/index.ts';

const safeEdges = [7, 14, 21, 28, 31, 32, 35, 42, 49].flatMap((bits) => [
  2 ** bits - 1,
  2 ** bits,
  2 ** bits + 1,
]);
const idEdges = [7n, 14n, 21n, 28n, 31n, 32n, 35n, 42n, 49n, 53n, 56n, 63n].flatMap((bits) => [
  (1n << bits) - 1n,
  1n << bits,
]);

/** An index, term or commit index. */
export const safeInteger: fc.Arbitrary<number> = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(1000),
  fc.constantFrom(0, Number.MAX_SAFE_INTEGER, ...safeEdges),
);

export const id: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 2n ** 64n - 1n, 2n ** 64n - 2n, ...idEdges),
);

const data = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(0, 1, 127, 128).map((length) => new Uint8Array(length)),
);

export const entry: fc.Arbitrary<Entry> = fc.record(
  {
    index: safeInteger,
    term: safeInteger,
    type: fc.constantFrom(EntryType.Normal, EntryType.ConfChange, EntryType.ConfChangeV2),
    data,
  },
  { requiredKeys: ['index', 'term', 'type'], noNullPrototype: true },
);

export const hardState: fc.Arbitrary<HardState> = fc.record(
  { term: safeInteger, vote: id, commit: safeInteger },
  { noNullPrototype: true },
);

const ids = fc.array(id, { maxLength: 6 });

export const confState: fc.Arbitrary<ConfState> = fc.record(
  {
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  },
  { noNullPrototype: true },
);

export const snapshotMetadata: fc.Arbitrary<SnapshotMetadata> = fc.record(
  { confState, index: safeInteger, term: safeInteger },
  { noNullPrototype: true },
);

export const snapshot: fc.Arbitrary<Snapshot> = fc.record(
  { data, metadata: snapshotMetadata },
  { requiredKeys: ['metadata'], noNullPrototype: true },
);

const changeType = fc.constantFrom<ConfChangeType>(0, 1, 2, 3);

export const confChange: fc.Arbitrary<ConfChange> = fc.record(
  { id, type: changeType, nodeId: id, context: data },
  { requiredKeys: ['id', 'type', 'nodeId'], noNullPrototype: true },
);

export const confChangeSingle: fc.Arbitrary<ConfChangeSingle> = fc.record(
  { type: changeType, nodeId: id },
  { noNullPrototype: true },
);

export const confChangeV2: fc.Arbitrary<ConfChangeV2> = fc.record(
  {
    transition: fc.constantFrom<ConfChangeTransition>(0, 1, 2),
    changes: fc.array(confChangeSingle, { maxLength: 5 }),
    context: data,
  },
  { requiredKeys: ['transition', 'changes'], noNullPrototype: true },
);

/** A snapshot as messages carry it; one of index 0 is a case of its own (golden.test.ts). */
const sentSnapshot: fc.Arbitrary<Snapshot> = snapshot.map((sent) => ({
  ...sent,
  metadata: { ...sent.metadata, index: Math.max(1, sent.metadata.index) },
}));

function messageWith(responses: fc.Arbitrary<Message[]>): fc.Arbitrary<Message> {
  return fc
    .record(
      {
        type: fc.nat(messageTypeMax).map((type) => type as MessageType),
        to: id,
        from: id,
        term: safeInteger,
        logTerm: safeInteger,
        index: safeInteger,
        entries: fc.array(entry, { maxLength: 4 }),
        commit: safeInteger,
        snapshot: sentSnapshot,
        reject: fc.boolean(),
        rejectHint: safeInteger,
        context: data,
        vote: id,
        responses,
      },
      { requiredKeys: ['type'], noNullPrototype: true },
    )
    .map(newMessage);
}

const response = messageWith(fc.constant([]));

export const message: fc.Arbitrary<Message> = messageWith(fc.array(response, { maxLength: 3 }));
