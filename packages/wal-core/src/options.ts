/**
 * Checks of the arguments that managers take, once for all back ends, and the limits that all logs
 * share.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { WalCapabilities } from './capabilities.ts';
import { InvalidArgumentError, MetadataMismatchError, NotFoundError } from './errors.ts';
import type { GroupOptions, ReplayOptions, WalMetadata, WalMetadataInput } from './wal-manager.ts';

/**
 * The default for `entryBytesMax` of the metadata, in bytes of encoding: 8 MiB. Every back end can
 * hold such entries.
 */
export const entryBytesMaxDefault: number = 8 * 1024 * 1024;

/** The upper limit for `entryBytesMax` of the metadata, in bytes, for all back ends: 64 MiB. */
export const entryBytesMaxLimit: number = 64 * 1024 * 1024;

/**
 * The largest batch of one `save`, as the sum of the encoding sizes of its entries, in bytes: 256
 * MiB.
 */
export const batchBytesMax: number = 256 * 1024 * 1024;

/** The largest `extra` of the metadata, in bytes. */
export const metadataExtraBytesMax = 1024;

/** The largest `identity` of the metadata, in bytes. */
export const identityBytesMax = 128;

/** The largest identity record of a log (`WalManager.writeIdentity`), in bytes. */
export const identityRecordBytesMax: number = 64 * 1024;

const idMax = 2n ** 64n - 1n;

/** Converts an id to a `bigint` from 0 to 2^64 − 1. Throws `WAL_INVALID`, naming `what`. */
export function checkedId(what: string, id: bigint | number): bigint {
  if (typeof id === 'number' ? !Number.isSafeInteger(id) : typeof id !== 'bigint') {
    throw new InvalidArgumentError(`${what} must be a bigint or a safe integer, got ${String(id)}`);
  }
  const value = BigInt(id);
  if (value < 0n || value > idMax) {
    throw new InvalidArgumentError(`${what} must be from 0 to 2^64 - 1, got ${value}`);
  }
  return value;
}

/** The id of the Raft group that a call is about; `0n` by default. */
export function checkedGroupId(options: GroupOptions | undefined): bigint {
  return checkedId('groupId', options?.groupId ?? 0n);
}

/** Fills in the defaults of metadata and checks it. Throws `WAL_INVALID`. */
export function checkedMetadata(
  input: WalMetadataInput,
  capabilities: WalCapabilities,
): WalMetadata {
  if (typeof input !== 'object' || input === null) {
    throw new InvalidArgumentError('a log needs metadata: { clusterId, nodeId }');
  }
  const entryBytesMax = input.entryBytesMax ?? entryBytesMaxDefault;
  const allowed = Math.min(capabilities.entryBytesMax, entryBytesMaxLimit);
  if (!Number.isSafeInteger(entryBytesMax) || entryBytesMax < 1024 || entryBytesMax > allowed) {
    throw new InvalidArgumentError(
      `entryBytesMax must be an integer from 1024 to ${allowed}, got ${String(entryBytesMax)}`,
    );
  }
  return {
    clusterId: checkedId('clusterId', input.clusterId),
    nodeId: checkedId('nodeId', input.nodeId),
    entryBytesMax,
    extra: optionalBytes('the extra bytes of the metadata', input.extra, metadataExtraBytesMax),
    identity: optionalBytes('the identity of the metadata', input.identity, identityBytesMax),
  };
}

/** Checks an identity record and returns a copy of it. Throws `WAL_INVALID`. */
export function checkedIdentityRecord(bytes: Uint8Array): Uint8Array {
  return checkedBytes('the identity record', bytes, identityRecordBytesMax);
}

function optionalBytes(
  what: string,
  bytes: Uint8Array | undefined,
  bytesMax: number,
): Uint8Array | undefined {
  return bytes === undefined ? undefined : checkedBytes(what, bytes, bytesMax);
}

/** Checks bytes and returns a copy of them, because the caller may change its own afterwards. */
function checkedBytes(what: string, bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (!(bytes instanceof Uint8Array)) {
    throw new InvalidArgumentError(`${what} must be a Uint8Array, got ${String(bytes)}`);
  }
  if (bytes.length > bytesMax) {
    throw new InvalidArgumentError(
      `${what} may have ${bytesMax} bytes at most, got ${bytes.length}`,
    );
  }
  return new Uint8Array(bytes);
}

/** Compares the stored metadata with the expected one. Throws `WAL_METADATA_MISMATCH`. */
export function checkExpectation(
  where: string,
  metadata: WalMetadata,
  expect: ReplayOptions['expect'],
): void {
  if (expect === undefined) return;
  for (const field of ['clusterId', 'nodeId'] as const) {
    const expected = expect[field];
    if (expected !== undefined && checkedId(`expect.${field}`, expected) !== metadata[field]) {
      throw new MetadataMismatchError(where, field, expected, metadata[field]);
    }
  }
  if (expect.entryBytesMax !== undefined && expect.entryBytesMax !== metadata.entryBytesMax) {
    throw new MetadataMismatchError(
      where,
      'entryBytesMax',
      expect.entryBytesMax,
      metadata.entryBytesMax,
    );
  }
}

/**
 * Returns the marker that a replay starts from: the one that `wanted` names, or by default the
 * newest valid one. Throws `WAL_NOT_FOUND` and lists the valid markers when `wanted` is not one of
 * them.
 */
export function chosenSnapshot(
  where: string,
  valid: readonly SnapshotMetadata[],
  wanted: ReplayOptions['snapshot'],
): SnapshotMetadata | undefined {
  if (wanted === undefined) return valid.at(-1);
  const found = valid.find(({ index, term }) => index === wanted.index && term === wanted.term);
  if (found !== undefined) return found;
  const known = valid.map(({ index, term }) => `index ${index} of term ${term}`).join(', ');
  throw new NotFoundError(
    `${where} has no marker of a snapshot at index ${wanted.index} of term ${wanted.term}; its valid markers are: ${known || '(no marker)'}`,
  );
}
