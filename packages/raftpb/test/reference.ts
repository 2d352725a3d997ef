/**
 * Encodes and decodes the same messages with @bufbuild/protobuf, an independent implementation. Its
 * descriptors are built here at run time from the schema of etcd-io/raft `raftpb/raft.proto`.
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
import {
  ConfChangeTransition,
  ConfChangeType,
  MessageType,
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type Snapshot,
  type SnapshotMetadata,
} from '../src/index.ts';

type EnumValueInit = { name: string; number: number };
type FieldInit = { name: string; number: number; label: Label; type: Type; typeName?: string };

function field(name: string, number: number, type: Type, typeName?: string): FieldInit {
  const init: FieldInit = { name, number, type, label: Label.OPTIONAL };
  return typeName === undefined ? init : { ...init, typeName };
}

function repeatedMessages(name: string, number: number, typeName: string): FieldInit {
  return { name, number, type: Type.MESSAGE, label: Label.REPEATED, typeName };
}

function valuesOf(prefix: string, numbers: Readonly<Record<string, number>>): EnumValueInit[] {
  return Object.entries(numbers).map(([name, number]) => ({ name: `${prefix}${name}`, number }));
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
    { name: 'MessageType', value: valuesOf('Msg', MessageType) },
    { name: 'ConfChangeType', value: valuesOf('ConfChange', ConfChangeType) },
    {
      name: 'ConfChangeTransition',
      value: valuesOf('ConfChangeTransition', ConfChangeTransition),
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
    {
      name: 'Message',
      field: [
        field('type', 1, Type.ENUM, '.raftpb.MessageType'),
        field('to', 2, Type.UINT64),
        field('from', 3, Type.UINT64),
        field('term', 4, Type.UINT64),
        field('logTerm', 5, Type.UINT64),
        field('index', 6, Type.UINT64),
        repeatedMessages('entries', 7, '.raftpb.Entry'),
        field('commit', 8, Type.UINT64),
        field('snapshot', 9, Type.MESSAGE, '.raftpb.Snapshot'),
        field('reject', 10, Type.BOOL),
        field('rejectHint', 11, Type.UINT64),
        field('context', 12, Type.BYTES),
        field('vote', 13, Type.UINT64),
        repeatedMessages('responses', 14, '.raftpb.Message'),
      ],
    },
    {
      name: 'ConfChange',
      field: [
        field('id', 1, Type.UINT64),
        field('type', 2, Type.ENUM, '.raftpb.ConfChangeType'),
        field('node_id', 3, Type.UINT64),
        field('context', 4, Type.BYTES),
      ],
    },
    {
      name: 'ConfChangeSingle',
      field: [
        field('type', 1, Type.ENUM, '.raftpb.ConfChangeType'),
        field('node_id', 2, Type.UINT64),
      ],
    },
    {
      name: 'ConfChangeV2',
      field: [
        field('transition', 1, Type.ENUM, '.raftpb.ConfChangeTransition'),
        repeatedMessages('changes', 2, '.raftpb.ConfChangeSingle'),
        field('context', 3, Type.BYTES),
      ],
    },
  ],
});

const registry = createFileRegistry(file, () => undefined);

/** The fields of a message by the name of the schema; only those that are set. */
export interface Fields {
  readonly [name: string]: FieldValue | undefined;
}
export type FieldValue =
  | bigint
  | number
  | boolean
  | Uint8Array
  | readonly bigint[]
  | readonly Fields[]
  | Fields;

function descriptorOf(name: string): DescMessage {
  const descriptor = registry.getMessage(`raftpb.${name}`);
  if (descriptor === undefined) throw new Error(`no message ${name} in the schema`);
  return descriptor;
}

/** Encodes these fields with the other library. */
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
      for (const item of value) {
        const added = desc.listKind === 'message' ? build(desc.message, nested(item)) : item;
        message.get(desc).add(added);
      }
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

/** Decodes with the other library and returns the fields that are set. */
export function referenceDecode(name: string, bytes: Uint8Array): Fields {
  const descriptor = descriptorOf(name);
  return fieldsOf(reflect(descriptor, fromBinary(descriptor, bytes)));
}

function fieldsOf(message: ReturnType<typeof reflect>): Fields {
  const fields: Record<string, FieldValue> = {};
  for (const desc of message.fields) {
    if (!message.isSet(desc)) continue;
    if (desc.fieldKind === 'list') {
      const items = [...message.get(desc)];
      fields[desc.name] =
        desc.listKind === 'message'
          ? items.map((item) => fieldsOf(item as ReturnType<typeof reflect>))
          : items.map((item) => BigInt(String(item)));
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

export function fieldsOfMessage(message: Message): Fields {
  const { entries, snapshot, context, responses } = message;
  return {
    type: message.type,
    ...present('to', message.to),
    ...present('from', message.from),
    ...present('term', BigInt(message.term)),
    ...present('logTerm', BigInt(message.logTerm)),
    ...present('index', BigInt(message.index)),
    ...(entries.length === 0 ? {} : { entries: entries.map((entry) => fieldsOfEntry(entry)) }),
    ...present('commit', BigInt(message.commit)),
    ...(snapshot === undefined ? {} : { snapshot: fieldsOfSnapshot(snapshot) }),
    ...(message.reject ? { reject: true } : {}),
    ...present('rejectHint', BigInt(message.rejectHint)),
    ...(context === undefined ? {} : { context }),
    ...present('vote', message.vote),
    ...(responses.length === 0
      ? {}
      : { responses: responses.map((response) => fieldsOfMessage(response)) }),
  };
}

export function fieldsOfConfChange(change: ConfChange): Fields {
  const { id, type, nodeId, context } = change;
  return {
    ...present('id', id),
    type,
    node_id: nodeId,
    ...(context === undefined ? {} : { context }),
  };
}

export function fieldsOfConfChangeSingle(change: ConfChangeSingle): Fields {
  return { type: change.type, node_id: change.nodeId };
}

export function fieldsOfConfChangeV2(change: ConfChangeV2): Fields {
  const { transition, changes, context } = change;
  return {
    ...(transition === ConfChangeTransition.Auto ? {} : { transition }),
    ...(changes.length === 0
      ? {}
      : { changes: changes.map((single) => fieldsOfConfChangeSingle(single)) }),
    ...(context === undefined ? {} : { context }),
  };
}

/** A number field of which newest etcd leaves out the zero. */
function present(name: string, value: bigint): Fields {
  return value === 0n ? {} : { [name]: value };
}
