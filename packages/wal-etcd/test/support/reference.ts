/**
 * The messages of etcd's log in @bufbuild/protobuf, an independent implementation. The descriptors
 * are built from etcd's `raft.proto`, `walpb/record.proto` and `etcdserver.proto`.
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

const field = (
  name: string,
  number: number,
  type: Type,
  more: { readonly label?: Label; readonly typeName?: string } = {},
): { name: string; number: number; type: Type; label: Label; typeName?: string } => ({
  name,
  number,
  type,
  label: Label.OPTIONAL,
  ...more,
});
const repeated = { label: Label.REPEATED };

const file = create(FileDescriptorProtoSchema, {
  name: 'etcd.proto',
  package: 'etcd',
  syntax: 'proto2',
  messageType: [
    {
      name: 'Record',
      field: [
        field('type', 1, Type.INT64),
        field('crc', 2, Type.UINT32),
        field('data', 3, Type.BYTES),
      ],
    },
    {
      name: 'Entry',
      field: [
        // etcd has an enum here, whose numbers have the same encoding.
        field('type', 1, Type.INT32),
        field('term', 2, Type.UINT64),
        field('index', 3, Type.UINT64),
        field('data', 4, Type.BYTES),
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
      name: 'Snapshot',
      field: [
        field('index', 1, Type.UINT64),
        field('term', 2, Type.UINT64),
        field('confState', 3, Type.MESSAGE, { typeName: '.etcd.ConfState' }),
      ],
    },
    {
      name: 'ConfState',
      field: [
        field('voters', 1, Type.UINT64, repeated),
        field('learners', 2, Type.UINT64, repeated),
        field('votersOutgoing', 3, Type.UINT64, repeated),
        field('learnersNext', 4, Type.UINT64, repeated),
        field('autoLeave', 5, Type.BOOL),
      ],
    },
    {
      name: 'Metadata',
      field: [field('nodeId', 1, Type.UINT64), field('clusterId', 2, Type.UINT64)],
    },
  ],
});
const registry = createFileRegistry(file, () => undefined);

export type MessageName = 'Record' | 'Entry' | 'HardState' | 'Snapshot' | 'Metadata';

/** Returns the fields that are set, by the names of this package's types. */
export type ReferenceFields = Readonly<Record<string, unknown>>;

function descriptorOf(name: string): DescMessage {
  const descriptor = registry.getMessage(`etcd.${name}`);
  if (descriptor === undefined) throw new Error(`no message ${name}`);
  return descriptor;
}

/**
 * Reads a message with the other library: only the fields that are set, and the whole membership.
 */
export function referenceDecode(name: MessageName, bytes: Uint8Array): ReferenceFields {
  const descriptor = descriptorOf(name);
  return fieldsOf(reflect(descriptor, fromBinary(descriptor, bytes)));
}

function fieldsOf(message: ReturnType<typeof reflect>): ReferenceFields {
  const fields: Record<string, unknown> = {};
  for (const desc of message.fields) {
    if (desc.fieldKind === 'list') fields[desc.name] = [...message.get(desc)];
    else if (desc.fieldKind === 'message') {
      if (message.isSet(desc)) fields[desc.name] = fieldsOf(message.get(desc));
    } else if (desc.name === 'autoLeave' || message.isSet(desc)) {
      fields[desc.name] = message.get(desc);
    }
  }
  return fields;
}

/** Writes numbers and bytes with the other library. Fields that are `undefined` are absent. */
export function referenceEncode(name: MessageName, fields: ReferenceFields): Uint8Array {
  const descriptor = descriptorOf(name);
  return toBinary(descriptor, build(descriptor, fields).message);
}

function build(descriptor: DescMessage, fields: ReferenceFields): ReturnType<typeof reflect> {
  const message = reflect(descriptor);
  for (const desc of descriptor.fields) {
    const value = fields[desc.name];
    if (value === undefined) continue;
    if (desc.fieldKind === 'list') {
      if (!Array.isArray(value)) throw new Error(`${desc.name} is a list`);
      for (const item of value) message.get(desc).add(item);
    } else if (desc.fieldKind === 'message') {
      message.set(desc, build(desc.message, value as ReferenceFields));
    } else message.set(desc, value);
  }
  return message;
}
