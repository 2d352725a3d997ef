/** The protobuf messages of Raft: what a peer sends and what lies in logs. */
import {
  ConfChangeTransition,
  ConfChangeType,
  decodeConfChange,
  decodeConfChangeSingle,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  decodeSnapshotMetadata,
  emptyConfState,
  encodeConfChange,
  encodeConfChangeSingle,
  encodeConfChangeV2,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
  encodeSnapshotMetadata,
  type ConfState,
  type Entry,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import type { Decoder, Target } from '../decoder.ts';
import { roundTrip } from '../round-trip.ts';
import { bytesOf, messagesOfAllTypes } from './samples.ts';

const idMax = 2n ** 64n - 1n;
const confState: ConfState = {
  voters: [1n, 2n, idMax],
  learners: [4n],
  votersOutgoing: [1n],
  learnersNext: [2n],
  autoLeave: true,
};
const metadata: SnapshotMetadata = { confState, index: 2 ** 53 - 1, term: 300 };
const entries: readonly Entry[] = [
  { index: 1, term: 1, type: 0 },
  { index: 2 ** 53 - 1, term: 2 ** 32, type: 0, data: bytesOf('payload') },
  { index: 3, term: 2, type: 1, data: new Uint8Array(0) },
];
const change = { type: ConfChangeType.AddLearnerNode, nodeId: idMax };

function decoder<Value>(
  name: string,
  decode: (bytes: Uint8Array) => Value,
  encode: (value: Value) => Uint8Array,
  samples: readonly Value[],
  weight = 1,
): Decoder {
  return {
    name: `raftpb/${name}`,
    form: 'protobuf',
    samples: samples.map(encode),
    run: roundTrip({ decode, encode, documented: ['RAFTPB_DECODE'] }),
    weight,
  };
}

const message = decoder('decodeMessage', decodeMessage, encodeMessage, messagesOfAllTypes(), 4);

export const raftpb: Target = {
  name: 'raftpb',
  description: 'the protobuf messages of Raft',
  decoders: [
    {
      ...message,
      covers: [
        'raftpb/readEntry',
        'raftpb/readSnapshot',
        'raftpb/readSnapshotMetadata',
        'raftpb/readConfState',
        'raftpb/readPackedIds',
      ],
    },
    decoder('decodeEntry', decodeEntry, encodeEntry, entries),
    decoder('decodeHardState', decodeHardState, encodeHardState, [
      { term: 2 ** 53 - 1, vote: idMax, commit: 128 },
    ]),
    decoder('decodeConfState', decodeConfState, encodeConfState, [confState, emptyConfState]),
    decoder('decodeSnapshotMetadata', decodeSnapshotMetadata, encodeSnapshotMetadata, [metadata]),
    decoder('decodeSnapshot', decodeSnapshot, encodeSnapshot, [
      { metadata, data: bytesOf('a manifest') },
      { metadata: { ...metadata, index: 0 } },
    ]),
    decoder('decodeConfChange', decodeConfChange, encodeConfChange, [
      { id: 1n, ...change, context: bytesOf('context') },
    ]),
    {
      ...decoder('decodeConfChangeSingle', decodeConfChangeSingle, encodeConfChangeSingle, [
        change,
      ]),
      covers: ['raftpb/readConfChangeSingle', 'raftpb/readConfChangeType'],
    },
    decoder('decodeConfChangeV2', decodeConfChangeV2, encodeConfChangeV2, [
      { transition: ConfChangeTransition.JointExplicit, changes: [change, change] },
      { transition: ConfChangeTransition.Auto, changes: [], context: bytesOf('context') },
    ]),
  ],
};
