/** The four functions of every message in one table, so that each test runs on all of them. */

import type * as fc from 'fast-check';
import * as raftpb from '../src/index.ts';
import * as arbitraries from './arbitraries.ts';
import * as reference from './reference.ts';

export interface MessageUnderTest<T> {
  readonly name: string;
  readonly arbitrary: fc.Arbitrary<T>;
  readonly size: (value: T) => number;
  readonly encode: (value: T) => Uint8Array;
  readonly encodeInto: (value: T, target: Uint8Array, offset: number) => number;
  readonly decode: (bytes: Uint8Array) => T;
  /** The value as fields of the schema, as newest etcd sets them. */
  readonly fields: (value: T) => reference.Fields;
}

/** A test that runs on any message type. */
export type Law = <T>(message: MessageUnderTest<T>) => void;

const entry: MessageUnderTest<raftpb.Entry> = {
  name: 'Entry',
  arbitrary: arbitraries.entry,
  size: raftpb.entryEncodedSize,
  encode: raftpb.encodeEntry,
  encodeInto: raftpb.encodeEntryInto,
  decode: raftpb.decodeEntry,
  fields: reference.fieldsOfEntry,
};

const hardState: MessageUnderTest<raftpb.HardState> = {
  name: 'HardState',
  arbitrary: arbitraries.hardState,
  size: raftpb.hardStateEncodedSize,
  encode: raftpb.encodeHardState,
  encodeInto: raftpb.encodeHardStateInto,
  decode: raftpb.decodeHardState,
  fields: reference.fieldsOfHardState,
};

const confState: MessageUnderTest<raftpb.ConfState> = {
  name: 'ConfState',
  arbitrary: arbitraries.confState,
  size: raftpb.confStateEncodedSize,
  encode: raftpb.encodeConfState,
  encodeInto: raftpb.encodeConfStateInto,
  decode: raftpb.decodeConfState,
  fields: reference.fieldsOfConfState,
};

const snapshotMetadata: MessageUnderTest<raftpb.SnapshotMetadata> = {
  name: 'SnapshotMetadata',
  arbitrary: arbitraries.snapshotMetadata,
  size: raftpb.snapshotMetadataEncodedSize,
  encode: raftpb.encodeSnapshotMetadata,
  encodeInto: raftpb.encodeSnapshotMetadataInto,
  decode: raftpb.decodeSnapshotMetadata,
  fields: reference.fieldsOfSnapshotMetadata,
};

const snapshot: MessageUnderTest<raftpb.Snapshot> = {
  name: 'Snapshot',
  arbitrary: arbitraries.snapshot,
  size: raftpb.snapshotEncodedSize,
  encode: raftpb.encodeSnapshot,
  encodeInto: raftpb.encodeSnapshotInto,
  decode: raftpb.decodeSnapshot,
  fields: reference.fieldsOfSnapshot,
};

const message: MessageUnderTest<raftpb.Message> = {
  name: 'Message',
  arbitrary: arbitraries.message,
  size: raftpb.messageEncodedSize,
  encode: raftpb.encodeMessage,
  encodeInto: raftpb.encodeMessageInto,
  decode: raftpb.decodeMessage,
  fields: reference.fieldsOfMessage,
};

const confChange: MessageUnderTest<raftpb.ConfChange> = {
  name: 'ConfChange',
  arbitrary: arbitraries.confChange,
  size: raftpb.confChangeEncodedSize,
  encode: raftpb.encodeConfChange,
  encodeInto: raftpb.encodeConfChangeInto,
  decode: raftpb.decodeConfChange,
  fields: reference.fieldsOfConfChange,
};

const confChangeSingle: MessageUnderTest<raftpb.ConfChangeSingle> = {
  name: 'ConfChangeSingle',
  arbitrary: arbitraries.confChangeSingle,
  size: raftpb.confChangeSingleEncodedSize,
  encode: raftpb.encodeConfChangeSingle,
  encodeInto: raftpb.encodeConfChangeSingleInto,
  decode: raftpb.decodeConfChangeSingle,
  fields: reference.fieldsOfConfChangeSingle,
};

const confChangeV2: MessageUnderTest<raftpb.ConfChangeV2> = {
  name: 'ConfChangeV2',
  arbitrary: arbitraries.confChangeV2,
  size: raftpb.confChangeV2EncodedSize,
  encode: raftpb.encodeConfChangeV2,
  encodeInto: raftpb.encodeConfChangeV2Into,
  decode: raftpb.decodeConfChangeV2,
  fields: reference.fieldsOfConfChangeV2,
};

/** Runs one test on all messages. */
export function forEveryMessage(law: Law): void {
  law(entry);
  law(hardState);
  law(confState);
  law(snapshotMetadata);
  law(snapshot);
  law(message);
  law(confChange);
  law(confChangeSingle);
  law(confChangeV2);
}
