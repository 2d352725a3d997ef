/** Checks of what callers give to managers, once for all back ends, and the shared limits. */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { WalCapabilities } from './capabilities.ts';
import { InvalidArgumentError, MetadataMismatchError, NotFoundError } from './errors.ts';
import type { GroupOptions, ReplayOptions, WalMetadata, WalMetadataInput } from './wal-manager.ts';

/** The largest entry of a log unless its metadata says otherwise: every back end can hold it. */
export const entryBytesMaxDefault: number = 8 * 1024 * 1024;

/** No log may be created with a larger `entryBytesMax` than this, whatever its back end. */
export const entryBytesMaxLimit: number = 64 * 1024 * 1024;

/** The largest batch of one `save`, as the sum of its entries' encoding sizes. */
export const batchBytesMax: number = 256 * 1024 * 1024;

/** The largest `extra` of the metadata. */
export const metadataExtraBytesMax = 1024;

/** The largest `identity` of the metadata. */
export const identityBytesMax = 128;

/** The largest identity record of a log: `WalManager.writeIdentity`. */
export const identityRecordBytesMax: number = 64 * 1024;

const idMax = 2n ** 64n - 1n;

/** An id as it is kept: any of 64 bits. Throws `WAL_INVALID` naming `what`. */
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

/** The group that a call means. */
export function checkedGroupId(options: GroupOptions | undefined): bigint {
  return checkedId('groupId', options?.groupId ?? 0n);
}

/** Metadata as it is stored. Throws `WAL_INVALID`. */
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

/** A copy of an identity record, as it is stored. Throws `WAL_INVALID`. */
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

/** A copy: the caller may change its bytes afterwards. */
function checkedBytes(what: string, bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (!(bytes instanceof Uint8Array)) {
    throw new InvalidArgumentError(`${what} must be a Uint8Array, got ${String(bytes)}`);
  }
  if (bytes.length > bytesMax) {
    throw new InvalidArgumentError(`${what} may be ${bytesMax} at most, got ${bytes.length}`);
  }
  return new Uint8Array(bytes);
}

/** Compares stored metadata with what the caller expects. Throws `WAL_METADATA_MISMATCH`. */
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
 * The marker that a replay starts from: the wanted one, by default the newest of those that are
 * valid. Throws `WAL_NOT_FOUND` naming those that there are.
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
    `${where} has no marker of a snapshot at index ${wanted.index} of term ${wanted.term}; it has: ${known || 'none'}`,
  );
}
