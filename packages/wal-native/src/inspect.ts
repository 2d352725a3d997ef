/**
 * The second door, `@babuza/wal-native/inspect`: looks at a log without taking its lock and without
 * changing a byte, also while a node writes it. What recovery would decide is what it reports.
 *
 * A log that is being written changes under the reader: segments are purged, a batch is half there. A
 * missing file makes it start over; an unfinished batch at the end is reported as the tail, as it would be
 * after a crash at this moment.
 */
import type { HardState, SnapshotMetadata } from '@babuza/raftpb';
import { FileError, nodeEnvironment, type FileSystem } from '@babuza/vfs';
import {
  checkedGroupId,
  NotFoundError,
  type GroupOptions,
  type TailReport,
  type WalMetadata,
} from '@babuza/wal-core';
import { readFailure } from './disk-errors.ts';
import { groupFolder } from './format/segment-name.ts';
import { listLog, readLog, type LogContents } from './recovery/read-log.ts';
import { tailReport } from './recovery/recover.ts';
import type { VerdictName } from './recovery/verdict.ts';

/** One segment as it was found. */
export interface SegmentReport {
  readonly file: string;
  readonly segmentId: number;
  readonly bytes: number;
  readonly sealed: boolean;
  readonly batches: number;
  /** Frames of entries, those that were superseded later included. */
  readonly entries: number;
  readonly verdict: VerdictName;
  /** Where the frames end, and why they do. */
  readonly endOffset: number;
  readonly endReason: string;
}

export interface LogReport {
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly hardState: HardState;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshots: readonly SnapshotMetadata[];
  readonly segments: readonly SegmentReport[];
  /** What recovery would cut. */
  readonly tail: TailReport;
  /** Damage that costs nothing. */
  readonly repaired: readonly { readonly file: string; readonly what: string }[];
}

export interface InspectOptions extends GroupOptions {
  /** Default: the files of Node.js. */
  readonly fileSystem?: FileSystem | undefined;
}

/** How often a log that is purged while it is read is tried again. */
const attemptsMax = 5;

/**
 * Verifies every checksum of a log and says what is in it.
 *
 * @throws CorruptError (of wal-core) where recovery would refuse to start; NotFoundError where there is no log
 */
export async function inspectLog(
  directory: string,
  options: InspectOptions = {},
): Promise<LogReport> {
  const fileSystem = options.fileSystem ?? nodeEnvironment().fileSystem;
  const groupId = checkedGroupId(options);
  const folder = groupId === 0n ? directory : `${directory}/${groupFolder(groupId)}`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inspectOnce(fileSystem, folder, groupId);
    } catch (error) {
      const vanished = error instanceof FileError && error.kind === 'not-found';
      if (!vanished || attempt === attemptsMax) throw readFailure(error);
    }
  }
}

async function inspectOnce(
  fileSystem: FileSystem,
  directory: string,
  groupId: bigint,
): Promise<LogReport> {
  if ((await fileSystem.kindOf(directory)) === undefined) {
    throw new NotFoundError(`there is no directory ${directory}`);
  }
  const listing = await listLog(fileSystem, directory);
  if (listing.segments.length === 0) throw new NotFoundError(`there is no log in ${directory}`);
  const contents = await readLog(fileSystem, directory, groupId, listing, 'read');
  for (const { segment } of contents.findings) await segment.file.close();
  return reportOf(contents);
}

function reportOf(contents: LogContents): LogReport {
  const { state } = contents.replayed;
  const last = contents.findings.at(-1);
  return {
    directory: contents.directory,
    groupId: contents.groupId,
    metadata: contents.metadata,
    hardState: state.hardState,
    firstIndex: state.index.firstIndex,
    lastIndex: state.index.lastIndex,
    snapshots: state.validMarkers(),
    segments: contents.findings.map(({ segment, batches, entries, verdict, stop }) => ({
      file: segment.fileName,
      segmentId: segment.header.segmentId,
      bytes: segment.header.segmentBytes,
      sealed: segment.seal !== undefined,
      batches,
      entries,
      verdict,
      endOffset: stop.batchStart,
      endReason: stop.why,
    })),
    tail: last === undefined ? { verdict: 'clean', bytesDropped: 0 } : tailReport(last),
    repaired: contents.repaired,
  };
}
