/**
 * The entry point `@babuza/wal-etcd/inspect`: reads a log in etcd's format without its lock and
 * without changing a byte. It also reads the directories of etcd servers. Memory is only needed for
 * the result; `readWal` returns all entries.
 */
import { nodeEnvironment, type Environment, type FileSystem } from '@babuza/vfs';
import { NotFoundError } from '@babuza/wal-core';
import { closeSegments, readFailure, refuseOtherKinds, translating } from '@babuza/wal-files';
import type { EtcdHardState, EtcdSnapshot } from './format/messages.ts';
import type { SegmentName } from './format/segment-name.ts';
import { damage } from './recovery/damage.ts';
import { listSegments, segmentsFrom } from './recovery/list-segments.ts';
import { ReadLog, SnapshotRecords, visitRecords, type RecordVisitor } from './recovery/read-all.ts';
import type { ReadAllResult } from './raw-wal.ts';
import { segmentOf, type OpenSegment } from './segment/segment.ts';
import { ETCDWal } from './wal-type.ts';

export { decodeEtcdMetadata } from './format/messages.ts';
export type { EtcdEntry, EtcdHardState, EtcdMetadata, EtcdSnapshot } from './format/messages.ts';
export type { EtcdVerdict } from './recovery/damage.ts';
export type { ReadAllResult } from './raw-wal.ts';

export interface InspectOptions {
  /** Default: the files of Node.js. */
  readonly environment?: Pick<Environment, 'fileSystem'> | undefined;
}

/**
 * A snapshot record of the log, from which reading starts. Index and term 0 stand for the
 * beginning.
 */
export interface SnapshotPosition {
  readonly index: bigint;
  readonly term: bigint;
}

const beginning: SnapshotPosition = Object.freeze({ index: 0n, term: 0n });

/**
 * Reads a log as etcd's `ReadAll` does after `OpenForRead`. An incomplete record ends the result
 * without an error, **also in the middle of the log, whose later segments are then not read**.
 *
 * @throws NotFoundError, ForeignFileError (a log of another kind), CorruptError whose `verdict` is
 * etcd's name of the error, ReadFailedError
 */
export function readWal(
  directory: string,
  snapshot: SnapshotPosition = beginning,
  options: InspectOptions = {},
): Promise<ReadAllResult> {
  return withSegments(directory, options, async (fileSystem, names) => {
    const log = new ReadLog(snapshot, true);
    const chosen = segmentsFrom(directory, names, snapshot.index);
    const error = await visitAll(fileSystem, directory, chosen, log);
    const { metadata, hardState, entries } = log;
    if (error?.verdict === 'ErrSliceOutOfRange') {
      return { metadata: undefined, hardState, entries, error };
    }
    if (error !== undefined) throw error;
    return { metadata, hardState, entries, error: missingSnapshot(log, directory, snapshot) };
  });
}

/**
 * Lists the snapshot records that etcd could start from (etcd: `ValidSnapshotEntries`): those whose
 * index is not above the commit index of the last hard state.
 *
 * @throws NotFoundError, ForeignFileError (a log of another kind), CorruptError, ReadFailedError
 */
export function findSnapshots(
  directory: string,
  options: InspectOptions = {},
): Promise<EtcdSnapshot[]> {
  return withSegments(directory, options, async (fileSystem, names) => {
    const records = new SnapshotRecords();
    const error = await visitAll(fileSystem, directory, names, records);
    if (error !== undefined) throw error;
    return records.valid;
  });
}

/**
 * Checks all records from a snapshot on without decoding the entries (etcd: `Verify`), and returns
 * the last hard state.
 *
 * @throws NotFoundError, ForeignFileError (a log of another kind), CorruptError, ReadFailedError
 */
export function verify(
  directory: string,
  snapshot: SnapshotPosition = beginning,
  options: InspectOptions = {},
): Promise<EtcdHardState> {
  return withSegments(directory, options, async (fileSystem, names) => {
    const log = new ReadLog(snapshot, false);
    const chosen = segmentsFrom(directory, names, snapshot.index);
    const error =
      (await visitAll(fileSystem, directory, chosen, log)) ??
      missingSnapshot(log, directory, snapshot);
    if (error !== undefined) throw error;
    return log.hardState;
  });
}

function missingSnapshot(
  log: ReadLog,
  directory: string,
  snapshot: SnapshotPosition,
): ReadAllResult['error'] {
  if (log.snapshotFound) return undefined;
  const message = `the log has no snapshot record with index ${snapshot.index} and term ${snapshot.term}`;
  return damage('ErrSnapshotNotFound', message, { file: directory });
}

async function withSegments<Result>(
  directory: string,
  { environment }: InspectOptions,
  look: (fileSystem: FileSystem, names: readonly SegmentName[]) => Promise<Result>,
): Promise<Result> {
  const { fileSystem } = environment ?? nodeEnvironment();
  return translating(readFailure, async () => {
    if ((await fileSystem.kindOf(directory)) === undefined) {
      throw new NotFoundError(`there is no directory ${directory}`);
    }
    await refuseOtherKinds(fileSystem, directory, ETCDWal);
    const names = await listSegments(fileSystem, directory);
    if (names.length === 0) throw new NotFoundError(`there is no log in ${directory}`);
    return look(fileSystem, names);
  });
}

/** As in etcd's `OpenForRead`, an incomplete record is treated as the end of the log. */
async function visitAll(
  fileSystem: FileSystem,
  directory: string,
  names: readonly SegmentName[],
  visitor: RecordVisitor,
): Promise<ReadAllResult['error']> {
  const opened: OpenSegment[] = [];
  try {
    for (const name of names) {
      const path = `${directory}/${name.fileName}`;
      opened.push(segmentOf(path, name, await fileSystem.open(path, 'read')));
    }
    const { error } = await visitRecords(opened, visitor);
    return error?.verdict === 'ErrUnexpectedEOF' ? undefined : error;
  } finally {
    await closeSegments(opened);
  }
}
