/** Random values of every message, with the edges of the varint sizes drawn often. */

import * as fc from 'fast-check';
import {
  EntryType,
  type ConfState,
  type Entry,
  type HardState,
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
