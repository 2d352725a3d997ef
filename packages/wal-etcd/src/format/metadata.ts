/**
 * The metadata of logs that this package creates: etcd's own message (`08` node id, `10` cluster
 * id) followed by fields that etcd ignores: `50` version (2 if there is an identity), `58` group
 * id, `60` largest entry, `6a` extra bytes, `72` identity. So etcd finds the same member in such a
 * log, and the same code reads the metadata of an etcd server.
 */
import { RaftpbDecodeError } from '@babuza/raftpb';
import {
  bytesTag,
  Reader,
  sizeOfBytes,
  sizeOfId,
  tagBytes,
  varintTag,
  writeBytes,
  writeId,
} from '@babuza/raftpb/wire';
import {
  entryBytesMaxDefault,
  ForeignFileError,
  UnknownVersionError,
  type WalMetadata,
} from '@babuza/wal-core';
import { encodeEtcdMetadata } from './messages.ts';

/**
 * The newest version that this release reads. Metadata without an identity is written as version 1.
 */
const version = 2n;
const nodeIdField = 1;
const clusterIdField = 2;
const versionField = 10;
const groupIdField = 11;
const entryBytesMaxField = 12;
const extraTag = bytesTag(13);
const identityTag = bytesTag(14);

/**
 * The metadata of a log and the group that it was created for; the group is `undefined` if etcd
 * wrote the metadata.
 */
export interface StoredMetadata {
  readonly metadata: WalMetadata;
  readonly groupId: bigint | undefined;
}

export function encodeMetadata(
  { clusterId, nodeId, entryBytesMax, extra, identity }: WalMetadata,
  groupId: bigint,
  form: 'babuza' | 'etcd',
): Uint8Array {
  if (form === 'etcd') return encodeEtcdMetadata({ nodeId, clusterId });
  const fields: readonly (readonly [number, bigint])[] = [
    [nodeIdField, nodeId],
    [clusterIdField, clusterId],
    [versionField, identity === undefined ? 1n : version],
    [groupIdField, groupId],
    [entryBytesMaxField, BigInt(entryBytesMax)],
  ];
  let size = 0;
  if (extra !== undefined) size += tagBytes + sizeOfBytes(extra, 'Metadata.extra');
  if (identity !== undefined) size += tagBytes + sizeOfBytes(identity, 'Metadata.identity');
  for (const [, value] of fields) size += tagBytes + sizeOfId(value, 'Metadata');
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const [field, value] of fields) end = writeId(bytes, end, varintTag(field), value);
  if (extra !== undefined) end = writeBytes(bytes, end, extraTag, extra);
  if (identity !== undefined) writeBytes(bytes, end, identityTag, identity);
  return bytes;
}

/**
 * Throws `ForeignFileError` if neither this package nor an etcd server wrote the metadata, and
 * `UnknownVersionError`.
 */
export function decodeMetadata(bytes: Uint8Array | undefined, file: string): StoredMetadata {
  const numbers = new Map<number, bigint>();
  let extra: Uint8Array | undefined;
  let identity: Uint8Array | undefined;
  try {
    if (bytes === undefined) throw foreign(file, 'the log has no metadata');
    const reader = new Reader(bytes);
    while (reader.hasMore()) {
      const tag = reader.tag('Metadata');
      const field = tag >>> 3;
      if (tag === extraTag) extra = new Uint8Array(reader.bytes('Metadata.extra'));
      else if (tag === identityTag) identity = new Uint8Array(reader.bytes('Metadata.identity'));
      else if (tag === varintTag(field)) numbers.set(field, reader.id('Metadata'));
      else throw foreign(file, `field ${field} is unknown`);
    }
  } catch (error) {
    if (error instanceof RaftpbDecodeError) throw foreign(file, error.message);
    throw error;
  }
  const nodeId = numbers.get(nodeIdField);
  const clusterId = numbers.get(clusterIdField);
  if (nodeId === undefined || clusterId === undefined) {
    throw foreign(file, 'the node id or the cluster id is missing');
  }
  const written = numbers.get(versionField) ?? 1n;
  if (written > version) {
    throw new UnknownVersionError(
      file,
      Number(written),
      `this release reads metadata of version ${version}; use the release that wrote it`,
    );
  }
  const entryBytesMax = Number(numbers.get(entryBytesMaxField) ?? entryBytesMaxDefault);
  return {
    metadata: { clusterId, nodeId, entryBytesMax, extra, identity },
    groupId: numbers.get(groupIdField),
  };
}

function foreign(file: string, why: string): ForeignFileError {
  return new ForeignFileError(
    file,
    `the metadata was written neither by @babuza/wal-etcd nor by an etcd server (${why}); @babuza/wal-etcd/inspect reads such logs`,
  );
}
