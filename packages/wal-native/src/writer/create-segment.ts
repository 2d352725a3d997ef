/**
 * Makes the next segment of a log: header and head are written to a file that is not a segment yet
 * and synced, then the file gets its name, then the name is made durable. So a file with the name
 * of a segment always has a whole header, and a crash in between leaves only a file that the next
 * opening removes.
 *
 * The last step needs a descriptor for the directory. Where the system has none the step is owed:
 * the caller keeps the named segment and writes nothing, to this segment or to the one before it,
 * until the sync is done.
 */
import type { Environment } from '@babuza/vfs';
import { isRefusal, type LogState, type WalError, type WalMetadata } from '@babuza/wal-core';
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
  controlGroup,
  hardStateFrame,
  markerFrame,
  startFrame,
  tailFrame,
  type Group,
  type GroupEncoder,
} from './group-encoder.ts';

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
  /** The batch that the segment is made for; it must fit. */
  readonly group: Group | undefined;
}

/**
 * Everything that was durable before the first batch: it makes the segments before it dispensable.
 */
function headGroup({ state, start }: SegmentRequest): Group {
  const { index } = state;
  return controlGroup([
    hardStateFrame(state.hardState),
    ...state.markers.map((marker) => markerFrame(marker, false)),
    startFrame(start),
    tailFrame(index.lastIndex, index.term(index.lastIndex) ?? 0),
  ]);
}

/** The usual size, or as much as an unusually large batch needs. */
function bytesFor(request: SegmentRequest, head: Group): number {
  const { group, segmentBytes } = request;
  const needed =
    framesStart +
    head.bytes +
    (group?.bytes ?? 0) +
    2 * tailReserveBytes +
    sealBytes(1, group?.entryCount ?? 0) +
    trailerBytes;
  return Math.max(segmentBytes, Math.ceil(needed / 4096) * 4096);
}

/** A segment that is open and has its name. */
export interface NamedSegment {
  readonly segment: Segment;
  /** The offset of its first batch. */
  readonly end: number;
}

/**
 * The first segment of a log, durable. Throws errors of wal-core; then there is no segment, if the
 * disk lets us.
 */
export async function createFirstSegment(
  request: SegmentRequest,
  spares: SpareFiles,
  encoder: GroupEncoder,
): Promise<NamedSegment> {
  const created = await nameSegment(request, spares, encoder);
  try {
    await syncName(request.environment, request.directory);
  } catch (error) {
    const { file, path } = created.segment;
    await file.close().catch(() => undefined);
    // The creation was refused and can be tried again: a name that stayed would say that there is a
    // log.
    if (isRefusal(error)) {
      await request.environment.fileSystem.unlink(path).catch(() => undefined);
    }
    throw error;
  }
  return created;
}

/**
 * Makes the name of a new segment durable. Throws `TryAgainError` where the directory could not be
 * opened: nothing is lost then, and the sync is still to be done.
 */
export async function syncName({ fileSystem }: Environment, directory: string): Promise<void> {
  try {
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    throw stepFailure(error);
  }
}

/**
 * Returns a segment that has its name, which is not durable before `syncName`. Throws what `commit`
 * of a log throws.
 */
export async function nameSegment(
  request: SegmentRequest,
  spares: SpareFiles,
  encoder: GroupEncoder,
): Promise<NamedSegment> {
  const head = headGroup(request);
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
  const place = { salt, offset: framesStart, batchNumber: 0, durableUpTo: 0 };
  let spare: SpareFile;
  try {
    spare = await spares.take(segmentId, segmentBytes);
  } catch (error) {
    throw prepareFailure(error);
  }
  const { fileName } = segmentName(segmentId, salt);
  const path = `${request.directory}/${fileName}`;
  try {
    const parts = [encodeSegmentHeader(header), ...encoder.encode(head, place)];
    // 1. Durable after it: the content. The name is still that of a file that is never parsed.
    await spare.file.writeDurable(parts, 0);
    // 2. A crash before the directory is synced leaves one name or the other; both are fine.
    await request.environment.fileSystem.rename(spare.path, path);
  } catch (error) {
    throw await givenUp(request.environment, spare, error);
  }
  // 3. `syncName`. Durable after it: the segment. Only then may anything be written that relies on
  // it.
  const { file } = spare;
  const segment: Segment = { segmentId, path, fileName, file, header, seal: undefined };
  return { segment, end: header.headEnd };
}

/** Where the first batch of a new segment goes: behind its head, which was batch 0. */
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
