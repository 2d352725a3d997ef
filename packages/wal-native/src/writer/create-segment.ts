/**
 * Creates a segment. Header and head are written to a spare file and synced, then the file is
 * renamed, then the directory is synced. So a file with the name of a segment always has a complete
 * header, and a crash in between leaves only a spare file, which the next opening removes.
 *
 * The last step needs a descriptor for the directory. If the system has none left, the step stays
 * pending: the caller keeps the named segment, and writes nothing to it or to the segment before it
 * until the sync has succeeded.
 */
import type { Environment } from '@babuza/vfs';
import { isRefusal, type WalError, type WalMetadata } from '@babuza/wal-core';
import type { LogState } from '@babuza/wal-core/backend';
import {
  commitFailure,
  prepareFailure,
  stepFailure,
  type SpareFile,
  type SpareFiles,
} from '@babuza/wal-files';
import { framesStart, tailReserveBytes, trailerBytes } from '../format/layout.ts';
import { sealBytes } from '../format/seal.ts';
import { encodeSegmentHeader, type SegmentHeader } from '../format/segment-header.ts';
import { segmentName } from '../format/segment-name.ts';
import type { AppendPoint } from '../recovery/recover.ts';
import type { LogStart } from '../recovery/replayed-log.ts';
import type { Segment } from '../segment/segment.ts';
import {
  controlBatch,
  hardStateFrame,
  markerFrame,
  startFrame,
  tailFrame,
  type Batch,
  type BatchEncoder,
} from './batch-encoder.ts';

export interface SegmentRequest {
  readonly environment: Environment;
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly segmentBytes: number;
  readonly segmentId: number;
  readonly salt: number;
  readonly predecessor:
    | { readonly salt: number; readonly end: number; readonly nextBatchSequence: number }
    | undefined;
  readonly state: LogState;
  readonly start: LogStart;
  /** The batch that does not fit into the segment before; it must fit into this one. */
  readonly batch: Batch | undefined;
}

/**
 * The head: the state of the log before this segment. With it, older segments are needed only for
 * their entries.
 */
function headBatch({ state, start }: SegmentRequest): Batch {
  const { index } = state;
  return controlBatch([
    hardStateFrame(state.hardState),
    ...state.markers.map((marker) => markerFrame(marker, false)),
    startFrame(start),
    tailFrame(index.lastIndex, index.term(index.lastIndex) ?? 0),
  ]);
}

/** The length of the file: the configured one, or more if the batch needs it. */
function bytesFor(request: SegmentRequest, head: Batch): number {
  const { batch, segmentBytes } = request;
  const needed =
    framesStart +
    head.bytes +
    (batch?.bytes ?? 0) +
    2 * tailReserveBytes +
    sealBytes(1, batch?.entryCount ?? 0) +
    trailerBytes;
  return Math.max(segmentBytes, Math.ceil(needed / 4096) * 4096);
}

/** An open segment that has its final name. */
export interface NamedSegment {
  readonly segment: Segment;
  /** The end of the head, where the first batch goes. */
  readonly end: number;
}

/**
 * Creates the first segment of a log durably. Throws errors of wal-core. If the creation was
 * refused, it tries to remove the segment.
 */
export async function createFirstSegment(
  request: SegmentRequest,
  spares: SpareFiles,
  encoder: BatchEncoder,
): Promise<NamedSegment> {
  const created = await nameSegment(request, spares, encoder);
  try {
    await syncName(request.environment, request.directory);
  } catch (error) {
    const { file, path } = created.segment;
    await file.close().catch(() => undefined);
    // The caller may create the log again, which would fail if this segment stayed.
    if (isRefusal(error)) {
      await request.environment.fileSystem.unlink(path).catch(() => undefined);
    }
    throw error;
  }
  return created;
}

/**
 * Makes the name of a new segment durable. Throws `TryAgainError` if the directory could not be
 * opened; then nothing is lost and the sync can be repeated.
 */
export async function syncName({ fileSystem }: Environment, directory: string): Promise<void> {
  try {
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    throw stepFailure(error);
  }
}

/**
 * Creates a segment with its final name, which is not durable before `syncName`. Throws the same
 * errors as `LogStore.commit`.
 */
export async function nameSegment(
  request: SegmentRequest,
  spares: SpareFiles,
  encoder: BatchEncoder,
): Promise<NamedSegment> {
  const head = headBatch(request);
  const segmentBytes = bytesFor(request, head);
  const { segmentId, salt, predecessor, metadata } = request;
  const header: SegmentHeader = {
    salt,
    segmentId,
    segmentBytes,
    clusterId: metadata.clusterId,
    nodeId: metadata.nodeId,
    groupId: request.groupId,
    entryBytesMax: metadata.entryBytesMax,
    extra: metadata.extra,
    identity: metadata.identity,
    baseBatchSequence: predecessor?.nextBatchSequence ?? 0,
    predecessorEnd: predecessor?.end ?? 0,
    predecessorSalt: predecessor?.salt ?? 0,
    headEnd: framesStart + head.bytes,
  };
  const position = { salt, offset: framesStart, batchNumber: 0, durableUpTo: 0 };
  let spare: SpareFile;
  try {
    spare = await spares.take(segmentId, segmentBytes);
  } catch (error) {
    throw prepareFailure(error);
  }
  const { fileName } = segmentName(segmentId, salt);
  const path = `${request.directory}/${fileName}`;
  try {
    const parts = [encodeSegmentHeader(header), ...encoder.encode(head, position)];
    // 1. After this the content is durable, under a name that is never parsed.
    await spare.file.writeDurable(parts, 0);
    // 2. A crash before the directory is synced leaves either name; recovery handles both.
    await request.environment.fileSystem.rename(spare.path, path);
  } catch (error) {
    throw await givenUp(request.environment, spare, error);
  }
  // 3. The caller calls `syncName`, and only then writes anything that relies on this segment.
  const { file } = spare;
  const segment: Segment = { segmentId, path, fileName, file, header, seal: undefined };
  return { segment, end: header.headEnd };
}

/** The append point of a new segment: after its head, which is batch 0. */
export function firstAppendPoint(created: NamedSegment): AppendPoint {
  return { ...created, nextBatchNumber: 1, lastBatchNumber: 0, entries: 0, marked: false };
}

async function givenUp(
  environment: Environment,
  spare: SpareFile,
  error: unknown,
): Promise<WalError> {
  await spare.file.close().catch(() => undefined);
  await environment.fileSystem.unlink(spare.path).catch(() => undefined);
  const failure = prepareFailure(error);
  return isRefusal(failure) ? commitFailure(failure) : commitFailure(error);
}
