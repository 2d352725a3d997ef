/**
 * The same messages through @bufbuild/protobuf, an implementation that we did not write. Its
 * descriptors are built here at run time from the schema in the Raft specification, section 1.
 */

import {
  create,
  createFileRegistry,
  fromBinary,
  toBinary,
  type DescMessage,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import type { ConfState, Entry, HardState, Snapshot, SnapshotMetadata } from '../src/index.ts';

type FieldInit = { name: string; number: number; label: Label; type: Type; typeName?: string };

function field(name: string, number: number, type: Type, typeName?: string): FieldInit {
  const init: FieldInit = { name, number, type, label: Label.OPTIONAL };
  return typeName === undefined ? init : { ...init, typeName };
}

function repeatedIds(name: string, number: number): FieldInit {
  return { name, number, type: Type.UINT64, label: Label.REPEATED };
}

const file = create(FileDescriptorProtoSchema, {
  name: 'raft.proto',
  package: 'raftpb',
  syntax: 'proto2',
  enumType: [
    {
      name: 'EntryType',
      value: [
        { name: 'EntryNormal', number: 0 },
        { name: 'EntryConfChange', number: 1 },
        { name: 'EntryConfChangeV2', number: 2 },
      ],
    },
  ],
  messageType: [
    {
      name: 'Entry',
      field: [
        field('Type', 1, Type.ENUM, '.raftpb.EntryType'),
        field('Term', 2, Type.UINT64),
        field('Index', 3, Type.UINT64),
        field('Data', 4, Type.BYTES),
      ],
    },
    {
      name: 'HardState',
      field: [
        field('term', 1, Type.UINT64),
        field('vote', 2, Type.UINT64),
        field('commit', 3, Type.UINT64),
      ],
    },
    {
      name: 'ConfState',
      field: [
        repeatedIds('voters', 1),
        repeatedIds('learners', 2),
        repeatedIds('voters_outgoing', 3),
        repeatedIds('learners_next', 4),
        field('auto_leave', 5, Type.BOOL),
      ],
    },
    {
      name: 'SnapshotMetadata',
      field: [
        field('conf_state', 1, Type.MESSAGE, '.raftpb.ConfState'),
        field('index', 2, Type.UINT64),
        field('term', 3, Type.UINT64),
      ],
    },
    {
      name: 'Snapshot',
      field: [
        field('data', 1, Type.BYTES),
        field('metadata', 2, Type.MESSAGE, '.raftpb.SnapshotMetadata'),
      ],
    },
  ],
});

const registry = createFileRegistry(file, () => undefined);

/** The fields of a message by the name of the schema; only those that are set. */
export interface Fields {
  readonly [name: string]: FieldValue | undefined;
}
export type FieldValue = bigint | number | boolean | Uint8Array | readonly bigint[] | Fields;

function descriptorOf(name: string): DescMessage {
  const descriptor = registry.getMessage(`raftpb.${name}`);
  if (descriptor === undefined) throw new Error(`no message ${name} in the schema`);
  return descriptor;
}

/** What the other library writes for these fields. */
export function referenceEncode(name: string, fields: Fields): Uint8Array {
  const descriptor = descriptorOf(name);
  return toBinary(descriptor, build(descriptor, fields).message);
}

function build(descriptor: DescMessage, fields: Fields): ReturnType<typeof reflect> {
  const message = reflect(descriptor);
  for (const desc of descriptor.fields) {
    const value = fields[desc.name];
    if (value === undefined) continue;
    if (desc.fieldKind === 'list') {
      if (!Array.isArray(value)) throw new Error(`${desc.name} is a list`);
      for (const item of value) message.get(desc).add(item);
    } else if (desc.fieldKind === 'message') {
      message.set(desc, build(desc.message, nested(value)));
    } else message.set(desc, value);
  }
  return message;
}

function nested(value: FieldValue): Fields {
  if (typeof value !== 'object' || value instanceof Uint8Array || Array.isArray(value)) {
    throw new Error('expected fields');
  }
  return value as Fields;
}

/** What the other library reads: set fields only. */
export function referenceDecode(name: string, bytes: Uint8Array): Fields {
  const descriptor = descriptorOf(name);
  return fieldsOf(reflect(descriptor, fromBinary(descriptor, bytes)));
}

function fieldsOf(message: ReturnType<typeof reflect>): Fields {
  const fields: Record<string, FieldValue> = {};
  for (const desc of message.fields) {
    if (!message.isSet(desc)) continue;
    if (desc.fieldKind === 'list') {
      fields[desc.name] = [...message.get(desc)].map((item) => BigInt(String(item)));
    } else if (desc.fieldKind === 'message') fields[desc.name] = fieldsOf(message.get(desc));
    else fields[desc.name] = message.get(desc) as FieldValue;
  }
  return fields;
}

// Our values as the fields that newest etcd sets.

export function fieldsOfEntry(entry: Entry): Fields {
  return {
    ...(entry.type === 0 ? {} : { Type: entry.type }),
    Term: BigInt(entry.term),
    Index: BigInt(entry.index),
    ...(entry.data === undefined ? {} : { Data: entry.data }),
  };
}

export function fieldsOfHardState(state: HardState): Fields {
  return { term: BigInt(state.term), vote: state.vote, commit: BigInt(state.commit) };
}

export function fieldsOfConfState(confState: ConfState): Fields {
  const lists = {
    voters: confState.voters,
    learners: confState.learners,
    voters_outgoing: confState.votersOutgoing,
    learners_next: confState.learnersNext,
  };
  const set = Object.entries(lists).filter(([, ids]) => ids.length > 0);
  return { ...Object.fromEntries(set), auto_leave: confState.autoLeave };
}

export function fieldsOfSnapshotMetadata(metadata: SnapshotMetadata): Fields {
  return {
    conf_state: fieldsOfConfState(metadata.confState),
    index: BigInt(metadata.index),
    term: BigInt(metadata.term),
  };
}

export function fieldsOfSnapshot(snapshot: Snapshot): Fields {
  return {
    ...(snapshot.data === undefined ? {} : { data: snapshot.data }),
    metadata: fieldsOfSnapshotMetadata(snapshot.metadata),
  };
}
